package edge

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/settings"
)

func networks(t *testing.T, text string) Networks {
	t.Helper()
	var n Networks
	if err := n.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestServiceSeesWhatATrustedPeerSays sends the headers of trusted peers.
func TestServiceSeesWhatATrustedPeerSays(t *testing.T) {
	trusted := networks(t, "10.0.0.0/8, 192.0.2.1,2001:db8::/32")
	const said, own = "https://api.example.com", "http://gateway:8080"
	for name, test := range map[string]struct {
		peer        string
		publicURL   settings.Origin
		proto, host []string
		want        string
		wantFor     string
	}{
		"trusted":                  {peer: "10.1.2.3", want: said, wantFor: "203.0.113.9, 198.51.100.1, 10.1.2.3"},
		"trusted address":          {peer: "192.0.2.1", want: said, wantFor: "203.0.113.9, 198.51.100.1, 192.0.2.1"},
		"IPv4 in IPv6":             {peer: "::ffff:10.1.2.3", want: said, wantFor: "203.0.113.9, 198.51.100.1, ::ffff:10.1.2.3"},
		"IPv6":                     {peer: "2001:db8::1", want: said, wantFor: "203.0.113.9, 198.51.100.1, 2001:db8::1"},
		"stranger":                 {peer: "192.0.2.2", want: own, wantFor: "192.0.2.2"},
		"public URL":               {peer: "10.1.2.3", publicURL: "https://other.example.com", want: "https://other.example.com", wantFor: "203.0.113.9, 198.51.100.1, 10.1.2.3"},
		"no proto":                 {peer: "10.1.2.3", proto: []string{"gopher"}, want: "http://api.example.com", wantFor: "203.0.113.9, 198.51.100.1, 10.1.2.3"},
		"no host":                  {peer: "10.1.2.3", host: []string{"a/b"}, want: "https://gateway:8080", wantFor: "203.0.113.9, 198.51.100.1, 10.1.2.3"},
		"hosts of several proxies": {peer: "10.1.2.3", host: []string{"a, b"}, want: "https://gateway:8080", wantFor: "203.0.113.9, 198.51.100.1, 10.1.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen *http.Request
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r })
			r := httptest.NewRequest(http.MethodGet, own+"/v1/accounts", http.NoBody)
			r.RemoteAddr = net.JoinHostPort(test.peer, "1234")
			r.Header = http.Header{
				"X-Forwarded-For": {"203.0.113.9", "198.51.100.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"api.example.com"},
				"X-Forwarded-Prefix": {"/evil"}, "Forwarded": {"for=evil"}, "X-Real-Ip": {"203.0.113.9"},
			}
			if test.proto != nil {
				r.Header["X-Forwarded-Proto"] = test.proto
			}
			if test.host != nil {
				r.Header["X-Forwarded-Host"] = test.host
			}
			New(Config{PublicURL: test.publicURL, Accounts: h, Audios: h, Trusted: trusted}).ServeHTTP(httptest.NewRecorder(), r)
			if got := httpserver.PublicURL(seen); got != test.want {
				t.Errorf("PublicURL = %q, want %q", got, test.want)
			}
			seen.Header.Del("X-Forwarded-Proto")
			seen.Header.Del("X-Forwarded-Host")
			if diff := cmp.Diff(http.Header{"X-Forwarded-For": {test.wantFor}}, seen.Header); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNetworks(t *testing.T) {
	for _, text := range []string{"", "proxy", "10.0.0.0/33", "10.0.0.1,", "10.0.0", "::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "fe80::1%eth0", "10.0.0.1:80", "*"} {
		var n Networks
		if err := n.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q passes as %v", text, n)
		}
	}
}
