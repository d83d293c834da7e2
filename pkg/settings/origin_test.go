package settings

import "testing"

func TestOrigin(t *testing.T) {
	for text, want := range map[string]Origin{
		"https://api.example.com": "https://api.example.com", "http://localhost:8080/": "http://localhost:8080",
		"": "", "api.example.com": "", "ftp://a": "", "https://a/path": "", "https://a?b": "", "https://u:p@a": "", "/x": "", "https://": "", "%": "",
	} {
		var got Origin
		if err := got.UnmarshalText([]byte(text)); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}
