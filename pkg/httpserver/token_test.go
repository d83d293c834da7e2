package httpserver_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

func TestPageTokenComesBack(t *testing.T) {
	for _, after := range []string{"", "7", "Zoë\x00\xff", string(make([]byte, 5000))} {
		token := httpserver.EncodePageToken("name=Ann", after)
		got, err := httpserver.DecodePageToken("name=Ann", token)
		if err != nil || got != after {
			t.Errorf("after %q: %q, %v", after, got, err)
		}
	}
}

func TestPageTokenIsRefused(t *testing.T) {
	token := httpserver.EncodePageToken("name=Ann", "7")
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	raw[0]++
	tests := map[string]string{
		"nothing":         "",
		"garbage":         "hello",
		"other alphabet":  "+/+/+/+/+/+/+/",
		"other filters":   httpserver.EncodePageToken("name=Bob", "7"),
		"another version": base64.RawURLEncoding.EncodeToString(raw),
		"padded":          token + "=",
		"a line break":    token[:4] + "\n" + token[4:],
		"cut off":         token[:8],
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := httpserver.DecodePageToken("name=Ann", token); !errors.Is(err, httpserver.ErrPageToken) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func FuzzDecodePageToken(f *testing.F) {
	f.Add("name=Ann", httpserver.EncodePageToken("name=Ann", "7"))
	f.Add("", "AQ")
	f.Fuzz(func(t *testing.T, binding, token string) {
		after, err := httpserver.DecodePageToken(binding, token)
		if err != nil {
			if !errors.Is(err, httpserver.ErrPageToken) {
				t.Errorf("err = %v", err)
			}
			return
		}
		if again := httpserver.EncodePageToken(binding, after); again != token {
			t.Errorf("%q and %q are one token", token, again)
		}
	})
}

func TestPageSize(t *testing.T) {
	for raw, want := range map[string]int{"": 50, "0": 50, "1": 1, "1000": 1000, "1001": 1000, "99999999999999999999999": 1000} {
		if got, err := httpserver.PageSize(raw); err != nil || got != want {
			t.Errorf("PageSize(%q) = %d, %v, want %d", raw, got, err, want)
		}
	}
	for _, raw := range []string{"-1", "-99999999999999999999999", "1.5", "ten", " 1", "1e3"} {
		_, err := httpserver.PageSize(raw)
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("PageSize(%q): %v", raw, err)
		}
		checkDetail(t, err, "page_size", "must be an integer, 0 or more")
	}
}
