package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/httpserver"
)

func get(t *testing.T, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	e := httpserver.NewEngine()
	Register(e)
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.Header = header
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func TestEveryPageIsServed(t *testing.T) {
	for _, path := range []string{"/console", "/console/", "/console/accounts", "/console/accounts/7", "/console/nothing"} {
		w := get(t, path, nil)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(w.Body.String(), "main.js") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	for _, path := range []string{"/console/static/nothing.js", "/console/static/v/nothing.js", "/console/static/", "/console/static/v/", "/console/static/v/vendor/preact.d.ts", "/console/static/v/../console.go"} {
		if w := get(t, path, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// links returns the URLs that the page loads.
func links(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, match := range regexp.MustCompile(`(?:src|href)="(/console/[^"]*)"`).FindAllStringSubmatch(get(t, "/console", nil).Body.String(), -1) {
		found = append(found, match[1])
	}
	if len(found) < 40 {
		t.Fatalf("the page names only %d files", len(found))
	}
	return found
}

func TestFilesAreKeptUntilTheyChange(t *testing.T) {
	keeps := func(path, caching string) {
		t.Helper()
		first := get(t, path, nil)
		if first.Code != http.StatusOK || first.Header().Get("Cache-Control") != caching {
			t.Errorf("%s: %d %v", path, first.Code, first.Header())
		}
		again := get(t, path, http.Header{"If-None-Match": first.Header()["Etag"]})
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s again: %d, %d bytes", path, again.Code, again.Body.Len())
		}
	}
	keeps("/console", "no-cache")
	for _, path := range links(t) {
		keeps(path, "public, max-age=31536000, immutable")
		version, name, _ := strings.Cut(strings.TrimPrefix(path, staticPath), "/")
		if len(version) != 16 {
			t.Fatalf("%s has no version", path)
		}
		keeps(staticPath+"another/"+name, "no-cache") // of a replica with another version
	}
}

func TestAllIsSmall(t *testing.T) {
	const limit = 150_000
	total := 0
	for _, path := range append(links(t), "/console") {
		var zipped bytes.Buffer
		z, err := gzip.NewWriterLevel(&zipped, gzip.BestSpeed) // as the gateway compresses
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(get(t, path, nil).Body.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		total += zipped.Len()
	}
	if total > limit {
		t.Errorf("the console takes %d bytes in gzip, more than %d", total, limit)
	}
	t.Logf("%d bytes in gzip", total)
}

func TestOnlyThisOriginIsLoaded(t *testing.T) {
	w := get(t, "/console", nil)
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if regexp.MustCompile(`<script>|<style|\s(on[a-z]+|style)=`).MatchString(w.Body.String()) {
		t.Error("the page has an inline script or style, which the policy forbids")
	}
	imports := regexp.MustCompile(`(?:from|import)\s*"([^"]+)"`)
	err := fs.WalkDir(files, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".js" {
			return err
		}
		content, err := files.ReadFile(name)
		for _, match := range imports.FindAllSubmatch(content, -1) {
			target := filepath.Join(filepath.Dir(name), string(match[1]))
			if _, err := fs.Stat(files, target); err != nil || !strings.HasPrefix(string(match[1]), ".") {
				t.Errorf("%s imports %s, which is not there", name, match[1])
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// The vendored files are those that "npm run vendor" generates from the
// versions in package-lock.json; "make lint" compares them with the packages.
func TestVendoredFilesAreThoseOfTheirVersions(t *testing.T) {
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	var vendored map[string]struct{ Package, Version, SHA256 string }
	for name, into := range map[string]any{"package-lock.json": &lock, "vendored.json": &vendored} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(content, into); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range vendored {
		content, err := files.ReadFile("static/vendor/" + name)
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want.SHA256 {
			t.Errorf("%s is not that of vendored.json", name)
		}
		if v := lock.Packages["node_modules/"+want.Package].Version; v != want.Version {
			t.Errorf("%s is of %s %s; package-lock.json has %s", name, want.Package, want.Version, v)
		}
	}
	entries, err := files.ReadDir("static/vendor")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if _, ok := vendored[entry.Name()]; !ok && !strings.HasSuffix(entry.Name(), ".d.ts") {
			t.Errorf("%s is not in vendored.json", entry.Name())
		}
	}
}
