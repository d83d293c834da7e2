package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestObjectsAreCollected checks that the data folder keeps no image and no
// session file that nothing refers to any more.
func TestObjectsAreCollected(t *testing.T) {
	t.Parallel()
	url, dir := startSystem(t)
	c := newClient(t, url)
	id, _ := newAccount(c)
	image := func(content string) {
		c.upload("/accounts/"+id+"/upload_image", part{key: "image", name: "a.png", contentType: "image/png", content: content}).expect(200)
	}
	document := func(session map[string]any) string { return encode(session) + strings.Repeat(" ", 70_000) }
	session := newSession()
	path := "/audios" + sessionPath(session)
	first, second := pngOf(1, 1), pngOf(2, 2)

	image(first)
	image(first)
	c.json("POST", "/audios", document(session)).expect(201)
	c.json("POST", "/audios", document(session)).expect(400)
	c.json("PUT", path, document(session)).expect(200)
	small := encode(with(newSession(), map[string]any{"account_id": json.Number(id)}))
	c.json("POST", "/v1/audios", small).expect(201) // is in the database
	objects(t, dir, first, document(session))

	image(second)
	changed := document(with(session, map[string]any{"step_count": 2}))
	c.json("PUT", path, changed).expect(200)
	objects(t, dir, second, changed)

	c.delete("/v1/accounts/" + id + "/image").expect(204)
	objects(t, dir, changed)
	image(first)
	objects(t, dir, first, changed)
	owned := document(with(newSession(), map[string]any{"account_id": json.Number(id)}))
	c.json("POST", "/v1/audios", owned).expect(201)
	objects(t, dir, first, changed, owned)
	c.delete("/accounts/" + id).expect(200)
	objects(t, dir, changed)
	c.delete(path).expect(200)
	objects(t, dir)

	// Nothing of a refused image remains.
	c.upload("/accounts/"+id+"/upload_image", part{key: "image", name: "a.png", contentType: "image/png", content: first}).expect(404)
	c.json("PUT", path, changed).expect(404)
	objects(t, dir)
}

// objects waits until the data folder holds objects of just these contents.
func objects(t *testing.T, dir string, contents ...string) {
	t.Helper()
	want := map[string]int{}
	for _, content := range contents {
		want[content]++
	}
	eventually(t, "the data folder holds what is referred to", func() bool {
		found := map[string]int{}
		for _, store := range []string{"images", "files"} {
			err := filepath.WalkDir(filepath.Join(dir, store), func(name string, entry os.DirEntry, err error) error {
				if err != nil || entry.IsDir() || entry.Name() == ".installation" {
					return err
				}
				content, err := os.ReadFile(name)
				found[string(content)]++
				return err
			})
			if err != nil && !os.IsNotExist(err) { // it may go meanwhile
				t.Fatal(err)
			}
		}
		return maps.Equal(found, want)
	})
}
