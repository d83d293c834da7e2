package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/callerjwt"
)

// keys runs a command line of "concha keys" and returns its output.
func keys(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	cmd := newKeys()
	var out bytes.Buffer
	cmd.SetArgs(args)
	for _, sub := range cmd.Commands() {
		sub.SetOut(&out)
	}
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestNewKeyIsPrintedOnceAndChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	for _, id := range []string{"ci", "app"} {
		out, err := keys(t, "new", "--id", id, "--name", "the "+id, "--scopes", "accounts:read,audios:own", "--rate", "10/s", "--expires", "24h", "--file", file)
		if err != nil || !strings.HasPrefix(out, "concha_"+id+"_") || strings.Count(out, "\n") != 1 {
			t.Fatalf("keys new: %q, %v", out, err)
		}
		content, err := os.ReadFile(file)
		if err != nil || bytes.Contains(content, []byte(strings.TrimSpace(out))) {
			t.Errorf("the file holds the key itself: %s, %v", content, err)
		}
		// A file written by hand may lack its last newline.
		if err := os.WriteFile(file, bytes.TrimSpace(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := keys(t, "check", file)
	if err != nil || !strings.Contains(out, "ci\texpires 20") || !strings.Contains(out, "app\texpires 20") || !strings.Contains(out, "accounts:read audios:own\tthe app") {
		t.Errorf("keys check: %q, %v", out, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is open to others: %v, %v", info, err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := keys(t, "check", file); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a broken file: %q, %v", out, err)
	}
}

func TestNewKeyWithoutAFileComesWithItsLine(t *testing.T) {
	out, err := keys(t, "new", "--name", "x", "--scopes", "events:read", "--expires", "2099-01-31")
	key, line, _ := strings.Cut(out, "\n")
	parsed, parseErr := apikey.Parse(strings.NewReader(line))
	if err != nil || parseErr != nil || len(parsed) != 1 || parsed[0].Scopes != caller.EventsRead || !strings.HasPrefix(key, "concha_"+parsed[0].ID+"_") ||
		!parsed[0].ExpiresAt.Equal(time.Date(2099, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("keys new: %q, %v, %v", out, err, parseErr)
	}
	for _, args := range [][]string{
		{"new", "--name", "x"},
		{"new", "--name", "x", "--scopes", "all"},
		{"new", "--name", "x", "--scopes", "events:read", "--rate", "fast"},
		{"new", "--name", "x", "--scopes", "events:read", "--expires", "tomorrow"},
		{"new", "--name", "x", "--scopes", "events:read", "--id", "a b"},
	} {
		if out, err := keys(t, args...); err == nil {
			t.Errorf("%v passes: %q", args, out)
		}
	}
}

func TestGatewayKeysAreRotated(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "private"), filepath.Join(dir, "public")
	if _, err := keys(t, "gateway", "--private", private, "--public", public); err != nil {
		t.Fatal(err)
	}
	if _, err := keys(t, "gateway", "--private", private, "--public", public); err == nil {
		t.Error("a private key is replaced")
	}
	if _, err := keys(t, "gateway", "--private", private+"2", "--public", public); err != nil {
		t.Fatal(err)
	}
	var known callerjwt.PublicKeys
	if err := known.UnmarshalText([]byte(public)); err != nil || len(known) != 2 {
		t.Errorf("%d public keys, %v", len(known), err)
	}
	if err := new(callerjwt.PrivateKey).UnmarshalText([]byte(private)); err != nil {
		t.Error(err)
	}
}

func TestGatewayKeysAreWrittenTogetherOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "private"), filepath.Join(dir, "public")
	if out, err := keys(t, "gateway", "--private", private, "--public", dir); err == nil {
		t.Errorf("public keys are added to a folder: %q", out)
	}
	if _, err := keys(t, "gateway", "--private", private, "--public", public); err != nil {
		t.Errorf("after a failure: %v", err)
	}
}
