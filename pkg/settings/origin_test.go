package settings

import "testing"

func TestOrigin(t *testing.T) {
	for text, want := range map[string]Origin{
		"https://api.example.com": "https://api.example.com", "http://localhost:8080/": "http://localhost:8080",
		"https://[2001:db8::1]:8443": "https://[2001:db8::1]:8443", "http://one_two.svc": "http://one_two.svc",
		`https://a"b`: "", "https://a>b": "", "https://a;b": "", "https://a%C3%A4": "", "https://:80": "", "https://[::1": "",
		"": "", "api.example.com": "", "ftp://a": "", "https://a/path": "", "https://a?b": "", "https://u:p@a": "", "/x": "", "https://": "", "%": "",
	} {
		var got Origin
		if err := got.UnmarshalText([]byte(text)); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}
