package e2e

import (
	"bytes"
	"database/sql"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/blob"
)

// TestNothingIsDeletedThatBelongsToAnotherDatabase starts the program on a
// database that is not the one to which the images belong: it is not ready, says
// why, and deletes nothing until it is told to adopt them, nor after that.
func TestNothingIsDeletedThatBelongsToAnotherDatabase(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// ruin does what it does to a folder that a running program uses.
		ruin   func(t *testing.T, dir string, p *program)
		reason string
	}{
		"database that was removed": {func(t *testing.T, dir string, p *program) {
			p.kill(t)
			remove(t, dir, "accounts.db", "accounts.db-wal", "accounts.db-shm")
		}, "belongs to another database of accounts"},
		"lost write-ahead log": {func(t *testing.T, dir string, p *program) {
			p.stop(t)
			p = startProgram(t, dir)
			p.picture(t)
			p.kill(t)
			remove(t, dir, "accounts.db-wal", "accounts.db-shm")
		}, "lost its latest transactions"},
		"older copy": {func(t *testing.T, dir string, p *program) {
			p.stop(t)
			old, err := os.ReadFile(filepath.Join(dir, "accounts.db"))
			if err != nil {
				t.Fatal(err)
			}
			p = startProgram(t, dir)
			p.picture(t)
			p.ready(t, http.StatusOK)
			p.stop(t)
			if err := os.WriteFile(filepath.Join(dir, "accounts.db"), old, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is older than the object store"},
		"marker that was removed": {func(t *testing.T, dir string, p *program) {
			p.stop(t)
			remove(t, dir, filepath.Join("images", blob.MarkerName))
		}, "has no marker"},
		"images of the other service": {func(t *testing.T, dir string, p *program) {
			p.stop(t)
			remove(t, dir, "files")
			if err := os.Symlink("images", filepath.Join(dir, "files")); err != nil {
				t.Fatal(err)
			}
		}, "two services use one store"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := startProgram(t, dir)
			for range 3 {
				p.picture(t)
			}
			p.ready(t, http.StatusOK)
			c.ruin(t, dir, p)
			images := pictures(t, dir)
			p = startProgram(t, dir)
			if body := p.ready(t, http.StatusServiceUnavailable); !strings.Contains(body, c.reason) || !strings.Contains(body, "adopt") {
				t.Errorf("/readyz says %s, want %q and advice", body, c.reason)
			}
			p.stop(t)
			same(t, dir, images)

			adopt := command(t, []string{"CONCHA_DATA_DIR=" + dir}, "adopt")
			out, err := adopt.CombinedOutput()
			if err != nil {
				t.Fatalf("adopt: %v: %s", err, out)
			}
			if !strings.Contains(string(out), "adopted the object store") {
				t.Errorf("adopt says %q", out)
			}
			if strings.Contains(c.reason, "two services") {
				return // either has it, but not both
			}
			p = startProgram(t, dir)
			p.ready(t, http.StatusOK)
			p.stop(t)
			same(t, dir, images)
		})
	}
}

// A folder that an older version has used, which knew no markers.
func TestImagesOfAnOlderVersionAreTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startProgram(t, dir)
	p.picture(t)
	p.stop(t)
	images := pictures(t, dir)
	db, err := sql.Open("sqlite", filepath.Join(dir, "accounts.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `DROP TABLE installation; DELETE FROM schema_migrations WHERE component = 'custody'`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, filepath.Join("images", blob.MarkerName))
	p = startProgram(t, dir)
	p.ready(t, http.StatusOK)
	p.stop(t)
	same(t, dir, images)
	if _, err := os.Stat(filepath.Join(dir, "images", blob.MarkerName)); err != nil {
		t.Errorf("no marker: %v", err)
	}
}

func remove(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// picture creates an account with an image.
func (p *program) picture(t *testing.T) {
	t.Helper()
	created := p.request(t, "POST", "/v1/accounts", "application/json", []byte(profile("Jo", uniqueEmail(), "1 Way")), http.StatusCreated)
	_, id, _ := strings.Cut(created, `"id":`)
	id, _, _ = strings.Cut(id, ",")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	p.request(t, "PUT", "/v1/accounts/"+id+"/image", "image/png", picture.Bytes(), http.StatusOK)
}

// ready waits until /readyz has that status, and returns its body.
func (p *program) ready(t *testing.T, status int) string {
	t.Helper()
	for begun := time.Now(); ; {
		resp, err := http.Get(p.url + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			t.Fatal(err)
		case resp.StatusCode == status && !bytes.Contains(body, []byte("has not finished")):
			return string(body)
		case time.Since(begun) > 20*time.Second:
			t.Fatalf("/readyz answers %d, not %d: %s", resp.StatusCode, status, body)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (p *program) request(t *testing.T, method, path, contentType string, body []byte, want int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s: %d, %v: %s", method, path, resp.StatusCode, err, answer)
	}
	return string(answer)
}

// pictures returns the names of the images, which it makes two hours old.
func pictures(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "images", "*.png"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d images, %v", len(files), err)
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, file := range files {
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(file))
	}
	return names
}

func same(t *testing.T, dir string, want []string) {
	t.Helper()
	if got := pictures(t, dir); !slices.Equal(got, want) {
		t.Errorf("%d images are left of %d: %s", len(got), len(want), fmt.Sprint(got))
	}
}
