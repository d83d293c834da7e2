package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// as sends a request under a Host, with headers as browsers add them, and
// returns the answer.
func as(t *testing.T, url, host, method, path, contentType, body string, header ...string) (status int, h http.Header, problem string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := readBody(resp)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(content)
}

// TestPagesOfOtherSites sends forms as a page of another site does: they change
// nothing unless CORS allows the origin. Programs send no Origin, and pages of
// the API's own origin are let through.
func TestPagesOfOtherSites(t *testing.T) {
	t.Parallel()
	const app, evil = "https://app.example.com", "https://evil.example.com"
	url, _ := startSystem(t, "CONCHA_CORS_ORIGINS="+app, "CONCHA_PUBLIC_URL=https://api.example.com")
	every, _ := startSystem(t, "CONCHA_CORS_ORIGINS=*")
	c := newClient(t, url)
	id, _ := newAccount(c)
	for name, test := range map[string]struct {
		url     string
		header  []string
		refused bool
	}{
		"a program":                     {url, nil, false},
		"another site":                  {url, []string{"Origin", evil, "Sec-Fetch-Site", "cross-site"}, true},
		"another site, an old browser":  {url, []string{"Origin", evil}, true},
		"a page without an origin":      {url, []string{"Origin", "null"}, true},
		"a sibling of the site":         {url, []string{"Origin", "https://other.example.com", "Sec-Fetch-Site", "same-site"}, true},
		"an allowed page":               {url, []string{"Origin", app, "Sec-Fetch-Site", "cross-site"}, false},
		"the console":                   {url, []string{"Origin", url, "Sec-Fetch-Site", "same-origin"}, false},
		"the console, an old browser":   {url, []string{"Origin", url}, false},
		"the console, behind a proxy":   {url, []string{"Origin", "https://api.example.com"}, false},
		"another site, all are allowed": {every, []string{"Origin", evil, "Sec-Fetch-Site", "cross-site"}, false},
		"another site, with HTTP Basic": {every, []string{"Origin", evil, "Sec-Fetch-Site", "cross-site", "Authorization", "Basic eDp5"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := newSession()
			formType, audio := form(part{key: "audio", name: "a.json", contentType: "application/json", content: encode(session)})
			imageType, image := form(part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(2, 2)})
			requests := map[string][2]string{
				"POST /audios":      {formType, audio},
				"POST /v1/accounts": {"application/json", profile("Jo", uniqueEmail(), "")},
				"POST /accounts":    {"application/json", profile("Jo", uniqueEmail(), "")},
			}
			if test.url == url {
				requests["POST /accounts/"+id+"/upload_image"] = [2]string{imageType, image}
				requests["DELETE /accounts/0"] = [2]string{}
			}
			for call, r := range requests {
				method, path, _ := strings.Cut(call, " ")
				status, _, body := as(t, test.url, "", method, path, r[0], r[1], test.header...)
				if refused := status == http.StatusForbidden; refused != test.refused || status >= 400 && !refused {
					t.Errorf("%s is answered %d: %s", call, status, body)
				} else if refused && (!strings.Contains(body, "/problems/forbidden") || !strings.Contains(body, "CONCHA_CORS_ORIGINS")) {
					t.Errorf("%s is answered %s", call, body)
				}
			}
			if status, _, body := as(t, test.url, "", "GET", "/accounts", "", "", test.header...); status != http.StatusOK {
				t.Errorf("a read is answered %d: %s", status, body)
			}
		})
	}
}

// TestHostNames asks under names that a page of another site can have resolved
// to the address of the program.
func TestHostNames(t *testing.T) {
	t.Parallel()
	local, _ := startSystem(t)
	public, _ := startSystem(t, "CONCHA_LISTEN=*", "CONCHA_ALLOW_PUBLIC_UNAUTHENTICATED=true", "CONCHA_PUBLIC_URL=https://api.example.com")
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	guarded, _ := startSystem(t, "CONCHA_AUTH=required", "CONCHA_API_KEYS_FILE="+keys, "CONCHA_ANONYMOUS_SCOPES=accounts:read", "CONCHA_ANONYMOUS_RATE_LIMIT=1000/s")
	_, port, _ := strings.Cut(strings.TrimPrefix(local, "http://"), ":")
	for _, test := range []struct {
		url, host string
		allowed   bool
	}{
		{local, "", true},
		{local, "localhost:" + port, true},
		{local, "LOCALHOST", true},
		{local, "concha.localhost:" + port, true},
		{local, "127.0.0.1", true},
		{local, "[::1]:" + port, true},
		{local, "evil.example.com:" + port, false},
		{local, "evil.example.com.", false},
		{local, "localhost.evil.example.com", false},
		{local, "127.0.0.1.evil.example.com", false},
		{local, "laptop", false},
		{public, "api.example.com", true},
		{public, "API.example.com:443", true},
		{public, "192.0.2.7:8080", true},
		{public, "concha:8080", true},
		{public, "localhost:8080", true},
		{public, "evil.example.com", false},
		{guarded, "any.example.com", true},
	} {
		for _, path := range []string{"/v1/accounts", "/accounts", "/v1/accounts:export"} {
			status, _, body := as(t, test.url, test.host, "GET", path, "", "")
			switch {
			case test.allowed && status != http.StatusOK:
				t.Errorf("%s as %q is answered %d: %s", path, test.host, status, body)
			case !test.allowed && (status != http.StatusForbidden || !strings.Contains(body, "CONCHA_PUBLIC_URL")):
				t.Errorf("%s as %q is answered %d: %s", path, test.host, status, body)
			}
		}
		for _, path := range []string{"/livez", "/readyz", "/ping"} {
			if status, _, body := as(t, test.url, test.host, "GET", path, "", ""); status != http.StatusOK {
				t.Errorf("%s as %q is answered %d: %s", path, test.host, status, body)
			}
		}
	}
}

// TestResourcePolicy checks what every answer allows pages of other sites.
func TestResourcePolicy(t *testing.T) {
	t.Parallel()
	const app = "https://app.example.com"
	for setting, want := range map[string][3]string{ // without an origin, from app, from another page
		"":                           {"same-origin", "same-origin", "same-origin"},
		"CONCHA_CORS_ORIGINS=" + app: {"same-origin", "cross-origin", "same-origin"},
		"CONCHA_CORS_ORIGINS=*":      {"cross-origin", "cross-origin", "cross-origin"},
		"CONCHA_CORS_ORIGINS=" + "http://localhost:1": {"same-origin", "same-origin", "same-origin"},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			var settings []string
			if setting != "" {
				settings = append(settings, setting)
			}
			url, _ := startSystem(t, settings...)
			c := newClient(t, url)
			id, _ := newAccount(c)
			c.do(call{method: "PUT", path: "/v1/accounts/" + id + "/image", header: []string{"Content-Type", "image/png"}, body: pngOf(2, 2)}).expect(200)
			session := newSession()
			c.json("POST", "/v1/audios", encode(session)).expect(201)
			for _, path := range []string{"/v1/accounts/" + id, "/v1/accounts/" + id + "/image", "/v1/audios" + sessionPath(session) + "/file", "/accounts", "/v1/accounts/0", "/nothing", "/v1/events/accounts"} {
				for i, header := range [][]string{
					nil, {"Referer", app + "/page", "Sec-Fetch-Site", "cross-site"}, {"Referer", "https://evil.example.com/", "Sec-Fetch-Site", "cross-site"},
				} {
					_, h, _ := as(t, url, "", "GET", path, "", "", header...)
					if got := h.Get("Cross-Origin-Resource-Policy"); got != want[i] {
						t.Errorf("%s from %v: Cross-Origin-Resource-Policy is %q, want %q", path, header, got, want[i])
					}
					if h.Get("Referrer-Policy") != "no-referrer" || h.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" {
						t.Errorf("%s: %v", path, h)
					}
				}
				_, h, _ := as(t, url, "", "GET", path, "", "", "Origin", app)
				if got := h.Get("Cross-Origin-Resource-Policy"); got != want[1] {
					t.Errorf("%s from Origin %s: Cross-Origin-Resource-Policy is %q, want %q", path, app, got, want[1])
				}
			}
		})
	}
}
