package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// killCount is how many kills a test makes: KILLS, or 10.
func killCount(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("KILLS")
	if !ok {
		return 10
	}
	kills, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("KILLS: %v", err)
	}
	return kills
}

// TestKillNine kills the process at random moments while 64 clients write. No
// answered write is lost, the event logs have every change exactly once and in
// order, and a follower of the feeds has the same content as the database after
// all kills.
func TestKillNine(t *testing.T) {
	t.Parallel()
	kills := killCount(t)
	dir := t.TempDir()
	load, families := newLoad(56), newFamilies(8)
	followers := []*follower{newFollower(accountKind), newFollower(audioKind)}
	slowest := time.Duration(0)
	for n := range kills {
		p := startProgram(t, dir)
		slowest = max(slowest, p.startup)
		load.reconcile(t, p.url)
		var following sync.WaitGroup
		for _, f := range followers {
			following.Go(func() {
				if err := f.stream(t.Context(), p.url); err != nil {
					t.Error(err)
				}
			})
		}
		underWay, running := load.run(p.url), families.run(p.url)
		<-underWay.begun
		if n == 0 {
			eventually(t, "an account is deleted", families.begun)
		}
		<-time.After(time.Duration(mathrand.Int64N(int64(300 * time.Millisecond))))
		p.kill(t)
		underWay.wait()
		running.Wait()
		following.Wait()
		if t.Failed() {
			return
		}
		if (n+1)%50 == 0 {
			t.Logf("%d of %d kills, %d events of accounts, %d of audios", n+1, kills, followers[0].taken, followers[1].taken)
		}
	}
	p := startProgram(t, dir)
	slowest = max(slowest, p.startup)
	load.reconcile(t, p.url)
	families.reconcile(t, p.url)
	versions := load.versions()
	for _, f := range followers {
		f.check(t, p.url, versions)
	}
	if code, took := p.stop(t); code != 0 {
		t.Errorf("exit code %d after %v: %s", code, took, p.stderr)
	}
	if slowest > 10*time.Second {
		t.Errorf("a start took %v", slowest)
	}
	logged := map[string]int64{}
	for _, name := range []string{"accounts.db", "audios.db"} {
		checkLog(t, filepath.Join(dir, name), versions, logged)
	}
	for _, subject := range sorted(versions) {
		if logged[subject] != versions[subject] {
			t.Errorf("%s is at version %d, logged up to %d", subject, versions[subject], logged[subject])
		}
	}
	t.Logf("%d kills, %d resources, %d and %d events; the slowest start took %v",
		kills, len(versions), followers[0].taken, followers[1].taken, slowest)
}

// checkLog checks the events in a database: those of each subject have the
// versions 1, 2, 3 without a gap or a duplicate, begin with created, and end
// with deleted just if the resource is gone. It notes the last versions.
func checkLog(t *testing.T, file string, known, logged map[string]int64) {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: file}).String()+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT subject, version, type, data FROM event_log ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	last := map[string]string{}
	for rows.Next() {
		var subject, change, data string
		var version int64
		if err := rows.Scan(&subject, &version, &change, &data); err != nil {
			t.Fatal(err)
		}
		if version != logged[subject]+1 {
			t.Errorf("%s: event %d follows %d", subject, version, logged[subject])
		}
		created := strings.HasSuffix(change, ".created.v1")
		if starts := logged[subject] == 0 || strings.HasSuffix(last[subject], ".deleted.v1"); created != starts {
			t.Errorf("%s: %s at version %d follows %q", subject, change, version, last[subject])
		}
		if !json.Valid([]byte(data)) {
			t.Errorf("%s: version %d has the payload %s", subject, version, data)
		}
		logged[subject], last[subject] = version, change
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var integrity string
	if err := db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&integrity); err != nil || integrity != "ok" {
		t.Errorf("%s: %s, %v", file, integrity, err)
	}
	if len(last) == 0 && len(known) > 0 {
		t.Errorf("%s has no events", file)
	}
}

// families are clients that create an account and a session of it, and delete
// the account: the session has to go too, whenever the process is killed.
type families struct {
	mu sync.Mutex
	// sessions by the account whose deletion was asked for.
	sessions map[string]string
	workers  int
}

func newFamilies(workers int) *families {
	return &families{sessions: map[string]string{}, workers: workers}
}

// begun reports whether the deletion of an account was asked for.
func (f *families) begun() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sessions) > 0
}

func (f *families) run(server string) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range f.workers {
		wg.Go(func() {
			for f.once(server) == nil {
			}
		})
	}
	return &wg
}

func (f *families) once(server string) error {
	account, err := request("POST", server+"/v1/accounts", profile("Jo", uniqueEmail(), ""), http.StatusCreated)
	if err != nil {
		return err
	}
	id := encode(account["id"])
	session := with(newSession(), map[string]any{"account_id": account["id"]})
	if _, err := request("POST", server+"/v1/audios", encode(session), http.StatusCreated); err != nil {
		return err
	}
	f.mu.Lock()
	f.sessions[id] = encode(session["session_id"])
	f.mu.Unlock()
	_, err = request("DELETE", server+"/v1/accounts/"+id, "", http.StatusNoContent)
	return err
}

// reconcile waits until no session of a deleted account is left.
func (f *families) reconcile(t *testing.T, server string) {
	t.Helper()
	if !f.begun() {
		t.Error("no account was deleted")
	}
	for id, session := range f.sessions {
		if _, err := request("GET", server+"/v1/accounts/"+id, "", http.StatusOK); err == nil {
			continue // the kill came first
		}
		eventually(t, "session "+session+" goes with account "+id, func() bool {
			_, err := request("GET", server+"/v1/audios/"+session, "", http.StatusNotFound)
			return err == nil
		})
	}
}

// request makes a request outside of any client and returns the JSON object of
// an answer with this status.
func request(method, address, body string, status int) (map[string]any, error) {
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != status {
		return nil, fmt.Errorf("%s %s: %s: %s", method, address, resp.Status, text)
	}
	return decodeObject(answer{body: text}), nil
}
