package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedDatabase overwrites both databases while the program runs. No
// answer is a 500; the program says that the databases are damaged, and reports
// that it is not ready.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startProgram(t, dir)
	c := newClient(t, p.url)
	var profiles, sessions []string
	for range 1000 {
		profiles = append(profiles, profile(strings.Repeat("n", 1000), uniqueEmail(), strings.Repeat("a", 1000)))
		sessions = append(sessions, encode(newSession()))
	}
	for range 4 { // more than fits into the caches of pages
		c.lines("/v1/accounts:batch", profiles).expect(200)
		c.lines("/v1/audios:batch", sessions).expect(200)
		for i := range profiles {
			profiles[i] = profile(strings.Repeat("n", 1000), uniqueEmail(), strings.Repeat("a", 1000))
			sessions[i] = encode(newSession())
		}
	}
	p.stop(t) // so that the write-ahead logs are in the databases
	p = startProgram(t, dir)
	p.ready(t, http.StatusOK)
	for _, name := range []string{"accounts.db", "audios.db"} {
		overwrite(t, filepath.Join(dir, name))
	}
	for _, collection := range []string{"/v1/accounts", "/v1/audios"} {
		for _, order := range []string{"", "?order_by=updated_at", "?include_total=true"} {
			if status, _, body := as(t, p.url, "", "GET", collection+order, "", ""); status != http.StatusOK && status != http.StatusServiceUnavailable {
				t.Errorf("%s%s is answered %d: %s", collection, order, status, body)
			}
		}
	}
	for _, collection := range []string{"/v1/accounts", "/v1/audios"} {
		if status, _, body := as(t, p.url, "", "GET", collection+"?page_size=1000&order_by=updated_at", "", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "the database is damaged") {
			t.Errorf("%s is answered %d: %s", collection, status, body)
		}
	}
	body := p.ready(t, http.StatusServiceUnavailable)
	for _, text := range []string{"accounts.db is damaged", "audios.db is damaged", "restore it from a backup"} {
		if !strings.Contains(body, text) {
			t.Errorf("/readyz says %s, without %q", body, text)
		}
	}
	if n := strings.Count(p.stderr.String(), "the database is damaged: stop the process"); n != 2 {
		t.Errorf("the damage of 2 databases is logged %d times: %s", n, p.stderr)
	}
	p.kill(t)

	// It does not begin with a file whose first page is damaged.
	if err := os.WriteFile(filepath.Join(dir, "accounts.db"), []byte(strings.Repeat("x", 1<<16)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, []string{"PORT=" + freePort(t), "CONCHA_DATA_DIR=" + dir}).CombinedOutput()
	if code := exitCode(t, err); code == 0 || !strings.Contains(string(out), "restore it from a backup") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestMissingObjects removes the objects of an image and a file. Their content
// is answered by a problem of its own, and each time one error is logged.
func TestMissingObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startProgram(t, dir)
	c := newClient(t, p.url)
	id, _ := newAccount(c)
	image := "/v1/accounts/" + id + "/image"
	put := call{method: "PUT", path: image, header: []string{"Content-Type", "image/png"}, body: pngOf(100, 100)}
	c.do(put).expect(200)
	session := newSession()
	document := encode(session) + strings.Repeat(" ", 100_000)
	c.json("POST", "/v1/audios", document).expect(201)
	file := "/v1/audios" + sessionPath(session) + "/file"
	for _, folder := range []string{"images", "files"} {
		objects, err := filepath.Glob(filepath.Join(dir, folder, "[^.]*"))
		if err != nil || len(objects) != 1 {
			t.Fatalf("%v, %v", objects, err)
		}
		remove(t, dir, filepath.Join(folder, filepath.Base(objects[0])))
	}
	paths := []string{image, image + "?size=64", "/v1/accounts/" + id + "/image?v=1", file}
	for _, path := range paths {
		c.get(path).problem(http.StatusNotFound, "content-missing")
	}
	eventually(t, "one error is logged for each request", func() bool { // which may be after its answer
		logged := 0
		for line := range strings.Lines(p.stderr.String()) {
			var entry struct{ Severity, Error string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Severity == "ERROR" && strings.Contains(entry.Error, "is missing from the object store") {
				logged++
			}
		}
		return logged == len(paths)
	})

	// Both are mended by storing them again.
	c.do(put).expect(200)
	c.get(image).expect(200)
	c.json("PUT", "/v1/audios"+sessionPath(session), encode(with(session, map[string]any{"step_count": 3}))).expect(200)
	c.get(file).expect(200)
	c.delete("/v1/accounts/" + id).expect(204)
}
