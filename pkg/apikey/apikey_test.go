package apikey_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
)

func TestNewKeyIsReadBack(t *testing.T) {
	want := apikey.Key{
		ID: "ci", Name: `the "CI"`, Scopes: caller.AccountsRead | caller.AudiosOwn,
		ExpiresAt: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), Rate: 10,
	}
	key, line, err := apikey.New(want)
	if err != nil || !strings.HasPrefix(key, "concha_ci_") || len(key) < 50 {
		t.Fatalf("New = %q, %v", key, err)
	}
	if bytes.Contains(line, []byte(key)) {
		t.Errorf("the line holds the key: %s", line)
	}
	want.SHA256 = sha256.Sum256([]byte(key))
	got, err := apikey.Parse(bytes.NewReader(append([]byte("\n"), line...)))
	if diff := cmp.Diff([]apikey.Key{want}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	other, _, err := apikey.New(apikey.Key{Name: "x", Scopes: caller.EventsRead})
	if err != nil || strings.Count(other, "_") != 2 || len(other) < 50 {
		t.Errorf("a key with a random id: %q, %v", other, err)
	}
	if _, _, err := apikey.New(apikey.Key{ID: "no space", Scopes: caller.EventsRead}); err == nil {
		t.Error("an id with a space passes")
	}
	if _, _, err := apikey.New(apikey.Key{Name: "no scopes"}); err == nil {
		t.Error("a key without scopes passes")
	}
}

func TestParseListsEveryBrokenLine(t *testing.T) {
	hash := hex.EncodeToString(make([]byte, 32))
	line := func(id, rest string) string {
		return `{"id":"` + id + `","name":"","sha256":"` + hash + `"` + rest + "}\n"
	}
	file := line("good", `,"scopes":["events:read"],"expires_at":null,"rate":"30/m"`) +
		"{\n" +
		line("a b", `,"scopes":["events:read"]`) +
		line(strings.Repeat("a", 65), `,"scopes":["events:read"]`) +
		line("scope", `,"scopes":["everything"]`) +
		line("none", `,"scopes":[]`) +
		line("typo", `,"scopes":["events:read"],"expires":"2027-01-31T00:00:00Z"`) +
		line("rate", `,"scopes":["events:read"],"rate":"fast"`) +
		line("good", `,"scopes":["events:read"]`) +
		`{"id":"short","name":"","sha256":"ab","scopes":["events:read"]}`
	keys, err := apikey.Parse(strings.NewReader(file))
	if err == nil {
		t.Fatal("a broken file passes")
	}
	for number := 2; number <= 10; number++ {
		if !strings.Contains(err.Error(), fmt.Sprintf("line %d: ", number)) {
			t.Errorf("line %d is not reported: %v", number, err)
		}
	}
	if len(keys) != 1 || keys[0].Rate != 0.5 {
		t.Errorf("the good line is read as %v", keys)
	}
}

func TestRate(t *testing.T) {
	for text, want := range map[string]apikey.Rate{"100/s": 100, "30/m": 0.5, "3600/h": 1, "0.5/s": 0.5} {
		var r apikey.Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%q is %v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "100", "0/s", "-1/s", "NaN/s", "Inf/s", "1/d", "1/s/s", "x/s"} {
		var r apikey.Rate
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q passes as %v", text, r)
		}
	}
}
