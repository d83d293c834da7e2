//go:build upgrade

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"
)

// TestUpgrade runs the program of an earlier release, which PREVIOUS names, and
// this one in turns on one folder. Each serves what the other wrote, on a schema
// that this one has migrated, and continues its versions and its events. An earlier
// release need not find the documents of sessions that this one has stored.
func TestUpgrade(t *testing.T) {
	previous := os.Getenv("PREVIOUS")
	if previous == "" {
		t.Fatal("PREVIOUS is not set: run make upgrade-check")
	}
	dir := t.TempDir()
	var accounts, sessions []string // paths
	for turn, name := range []string{"previous", "this", "previous", "this", "previous", "this"} {
		t.Run(fmt.Sprintf("turn %d: the %s release", turn+1, name), func(t *testing.T) {
			cmd := command(t, nil)
			if name == "previous" {
				cmd = exec.Command(previous)
				cmd.Dir = t.TempDir()
				cmd.Env = []string{"HOME=" + cmd.Dir}
			}
			p := launch(t, cmd, dir)
			c := newClient(t, p.url)
			if name == "previous" {
				c.contract = nil
			}
			for i, path := range append(accounts, sessions...) {
				if a := c.get(path); a.status != http.StatusOK {
					t.Errorf("GET %s: %d %s", path, a.status, a.body)
				}
				if i >= len(accounts) && name == "this" {
					if a := c.get(path + "/file"); a.status != http.StatusOK {
						t.Errorf("GET %s/file: %d %s", path, a.status, a.body)
					}
				}
				if i < len(accounts) {
					c.patch(path, fmt.Sprintf(`{"name":"turn %d"}`, turn))
				}
			}
			account := c.json(http.MethodPost, "/v1/accounts", profile("Ann", uniqueEmail(), ""), "Idempotency-Key", fmt.Sprint("turn ", turn))
			if account.status != http.StatusCreated {
				t.Fatalf("POST /v1/accounts: %d %s", account.status, account.body)
			}
			accounts = append(accounts, "/v1/accounts/"+encode(decodeObject(account)["id"]))
			session := c.json(http.MethodPost, "/v1/audios", fmt.Sprintf(
				`{"session_id":%d,"account_id":%s,"ticks":[-96,-95,-94,-93,-92,-91,-90,-89,-88,-87,-86,-85,-84,-83,-82],"selected_tick":1,"step_count":2}`,
				turn, encode(decodeObject(account)["id"])))
			if session.status != http.StatusCreated {
				t.Fatalf("POST /v1/audios: %d %s", session.status, session.body)
			}
			sessions = append(sessions, fmt.Sprintf("/v1/audios/%d", turn))
			if list := decodeObject(c.get("/v1/accounts?include_total=true")); encode(list["total_count"]) != fmt.Sprint(turn+1) || encode(list["count"]) != fmt.Sprint(turn+1) {
				t.Errorf("the list after turn %d: %v", turn, list)
			}
			for i, path := range accounts {
				events := c.get(path + "/events").events()
				if len(events) != turn-i+1 {
					t.Errorf("%s has %d events after turn %d", path, len(events), turn)
				}
			}
			if a := c.get("/readyz"); a.status != http.StatusOK {
				t.Errorf("not ready: %s", a.body)
			}
			if code, _ := p.stop(t); code != 0 {
				t.Errorf("exit code %d: %s", code, p.stderr)
			}
		})
	}
}
