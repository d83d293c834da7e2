package audios_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes a request; header holds names and values in turn.
func (c *client) send(method, path, body string, header ...string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: read}
}

func (c *client) sendJSON(method, path, body string) answer {
	c.t.Helper()
	return c.send(method, path, body, "Content-Type", "application/json")
}

func (c *client) sendFile(method, path, key, name, content string) answer {
	c.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile(key, name)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.WriteString(part, content); err != nil {
		c.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		c.t.Fatal(err)
	}
	return c.send(method, path, b.String(), "Content-Type", form.FormDataContentType())
}

func (c *client) create(document string) answer {
	c.t.Helper()
	a := c.sendJSON("POST", "/v1/audios", document)
	a.want(c.t, http.StatusCreated)
	return a
}

func (a answer) want(t *testing.T, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
}

func decode[T any](t *testing.T, a answer) (body T) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return body
}

// wantProblem checks the name of a problem and what it points at.
func (a answer) wantProblem(t *testing.T, status int, name string, pointers ...string) {
	t.Helper()
	a.want(t, status)
	var problem struct {
		Type   string
		Errors []struct{ Pointer string }
	}
	if err := json.Unmarshal(a.body, &problem); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	var got []string
	for _, e := range problem.Errors {
		got = append(got, e.Pointer)
	}
	if !strings.HasSuffix(problem.Type, "/problems/"+name) {
		t.Errorf("problem %s, want %s", problem.Type, name)
	}
	if diff := cmp.Diff(pointers, got); diff != "" {
		t.Errorf("pointers (-want +got):\n%s", diff)
	}
}
