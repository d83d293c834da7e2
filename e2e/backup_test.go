package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// TestBackup copies a folder that a program serves from while others write, and
// serves from a restored copy: everything that was answered before is as it was,
// what was written meanwhile is of one moment in both databases, and every image
// and file is there.
func TestBackup(t *testing.T) {
	t.Parallel()
	dir, backup, restored := t.TempDir(), filepath.Join(t.TempDir(), "new", "backup"), t.TempDir()
	p := startProgram(t, dir)
	c := newClient(t, p.url)
	before := population(c)

	writing, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for writing.Err() == nil {
				id, _ := newAccount(c)
				c.json("POST", "/v1/audios", encode(with(newSession(), map[string]any{"account_id": json.Number(id)}))).expect(201)
			}
		})
	}
	id, _ := newAccount(c)
	writers.Go(func() {
		for side := 1; writing.Err() == nil; side = side%50 + 1 {
			c.do(call{method: "PUT", path: "/v1/accounts/" + id + "/image", header: []string{"Content-Type", "image/png"}, body: pngOf(side, 1)}).expect(200)
		}
	})
	for range 5 {
		if err := os.RemoveAll(backup); err != nil {
			t.Fatal(err)
		}
		runCopy(t, 0, "CONCHA_DATA_DIR="+dir, "backup", backup)
	}
	stop()
	writers.Wait()

	runCopy(t, 0, "CONCHA_DATA_DIR="+restored, "restore", backup)
	r := startProgram(t, restored)
	r.ready(t, 200)
	c = newClient(t, r.url)
	for path, want := range before {
		if got := content(c, path); got != want {
			t.Errorf("%s was\n%.300s\nand is\n%.300s", path, want, got)
		}
	}
	owners := map[string]bool{}
	for _, account := range exported(c, "/v1/accounts:export") {
		owners[encode(account["id"])] = true
		if image, ok := account["image"].(map[string]any); ok {
			checkHash(c, "/v1/accounts/"+encode(account["id"])+"/image", image["sha256"])
		}
	}
	sessions := 0
	for _, session := range exported(c, "/v1/audios:export") {
		c.get("/v1/audios" + sessionPath(session) + "/file").expect(200)
		if owner := session["account_id"]; owner != nil {
			sessions++
			if !owners[encode(owner)] {
				t.Errorf("the session %v is of a moment at which its account was not yet there", session)
			}
		}
	}
	// Each writer was between an account and its session at most once.
	if behind := len(owners) - sessions - 4; behind > 4 || sessions == 0 {
		t.Errorf("%d accounts, and sessions of %d: these are two moments", len(owners), sessions)
	}
	newAccount(c)
	p.stop(t)
	r.stop(t)
}

// population creates accounts and sessions, with images and files, and returns
// all that the API shows of them, by path.
func population(c *client) map[string]string {
	shown := map[string]string{}
	show := func(paths ...string) {
		for _, path := range paths {
			shown[path] = content(c, path)
		}
	}
	for side := 1; side <= 3; side++ {
		id, _ := newAccount(c)
		account := "/v1/accounts/" + id
		c.do(call{method: "PUT", path: account + "/image", header: []string{"Content-Type", "image/png"}, body: pngOf(100*side, 100)}).expect(200)
		session := newSession()
		audio := "/v1/audios" + sessionPath(session)
		c.json("POST", "/v1/audios", encode(session)+strings.Repeat(" ", side*30_000)).expect(201)
		show(account, account+"/events", account+"/image", account+"/image?size=64", audio, audio+"/file", audio+"/events")
	}
	return shown
}

// content returns a body and its ETag, without the origin of the system.
func content(c *client, path string) string {
	a := c.get(path).expect(200)
	return strings.ReplaceAll(string(a.body), c.url, "") + a.header.Get("ETag")
}

func checkHash(c *client, path string, want any) {
	sum := sha256.Sum256(c.get(path).expect(200).body)
	if got := hex.EncodeToString(sum[:]); got != want {
		c.t.Errorf("the SHA-256 of %s is %s, want %v", path, got, want)
	}
}

// runCopy runs concha's backup or restore, checks its exit code, and returns its
// output.
func runCopy(t *testing.T, code int, setting string, args ...string) string {
	t.Helper()
	out, err := concha(t, []string{setting}, args...).CombinedOutput()
	if got := exitCode(t, err); got != code {
		t.Fatalf("concha %s: exit code %d, want %d: %s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// TestBackupOfAKilledProcess checks that a backup has the transactions that are
// still in the write-ahead log, and leaves the log alone.
func TestBackupOfAKilledProcess(t *testing.T) {
	t.Parallel()
	dir, backup, restored := t.TempDir(), t.TempDir(), t.TempDir()
	p := startProgram(t, dir)
	want := population(newClient(t, p.url))
	p.kill(t)
	for _, step := range []func(){
		func() {},
		func() { runCopy(t, 0, "CONCHA_DATA_DIR="+dir, "backup", backup) },
		func() { runCopy(t, 0, "CONCHA_DATA_DIR="+restored, "restore", backup); dir = restored },
	} {
		step()
		p := startProgram(t, dir)
		p.ready(t, 200)
		c := newClient(t, p.url)
		got := map[string]string{}
		for path := range want {
			got[path] = content(c, path)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%v\nbecame\n%v", want, got)
		}
		p.kill(t)
	}
}

// TestBackupsThatFail checks that nothing is overwritten, that what is not a
// backup is not restored, and that losses are named.
func TestBackupsThatFail(t *testing.T) {
	t.Parallel()
	dir, backup, other := t.TempDir(), t.TempDir(), t.TempDir()
	p := startProgram(t, dir)
	p.picture(t)
	p.picture(t)
	images := pictures(t, dir)
	from := "CONCHA_DATA_DIR=" + dir
	expect := func(out string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(out, text) {
				t.Errorf("%q does not mention %q", out, text)
			}
		}
	}
	expect(runCopy(t, 1, from, "backup", dir), "is not empty")
	expect(runCopy(t, 1, "CONCHA_DATA_DIR="+other, "restore", t.TempDir()), "not a data folder or a complete backup")
	expect(runCopy(t, 2, from, "backup"), "accepts 1 arg")
	busy := t.TempDir()
	release, err := sqlitedb.Reserve(filepath.Join(busy, "audios.db"))
	if err != nil {
		t.Fatal(err)
	}
	expect(runCopy(t, 1, from, "backup", busy), "in use by another process")
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(busy); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left in a folder that was in use", left, err)
	}

	remove(t, dir, filepath.Join("images", images[0]))
	if err := os.WriteFile(filepath.Join(dir, "images", images[1]), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(runCopy(t, 1, from, "backup", backup), "copied both databases and 1 images", "missing or damaged", images[0], images[1])
	expect(runCopy(t, 1, "CONCHA_DATA_DIR="+other, "restore", backup), "copied both databases", images[0], images[1])
	expect(runCopy(t, 1, "CONCHA_DATA_DIR="+other, "restore", backup), "is not empty")
	startProgram(t, other).ready(t, 200)

	// A damaged database is not backed up, and leaves nothing behind.
	p.stop(t)
	overwrite(t, filepath.Join(dir, "audios.db"))
	remove(t, backup, "accounts.db", "audios.db", "images", "files")
	expect(runCopy(t, 1, from, "backup", backup), "audios.db", "damaged")
	if left, err := os.ReadDir(backup); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left of a backup that failed", left, err)
	}
}

// overwrite damages a database beyond its first page.
func overwrite(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(content); i++ {
		content[i] = 0xA5
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
