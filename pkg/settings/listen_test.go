package settings

import "testing"

func TestListen(t *testing.T) {
	for text, want := range map[string]struct {
		host  string
		local bool
	}{
		"*": {"", false}, "127.0.0.1": {"127.0.0.1", true}, "localhost": {"127.0.0.1", true}, "::1": {"::1", true},
		"0.0.0.0": {"0.0.0.0", false}, "192.0.2.1": {"192.0.2.1", false}, "127.0.0.2": {"127.0.0.2", true},
	} {
		var l Listen
		if err := l.UnmarshalText([]byte(text)); err != nil || l.Host() != want.host || l.IsLocal() != want.local {
			t.Errorf("%q is the host %q, local: %v, %v", text, l.Host(), l.IsLocal(), err)
		}
	}
	for _, text := range []string{"", "example.com", "127.0.0.1:8080", ":8080"} {
		if err := new(Listen).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}
