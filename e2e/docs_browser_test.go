//go:build browser

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/concha-labs/backend/e2e/browsertest"
)

// TestBrowserExecutesTheDocumentation executes every operation of /docs as it is
// offered, twice. Deletions come last, that of an image before that of its
// account, so that each operation has its resource. A PUT of a session has an
// example of its own, of a session that does not exist.
func TestBrowserExecutesTheDocumentation(t *testing.T) {
	url, _ := startSystem(t)
	p := browsertest.New(t, url)
	p.Tolerate("Could not find component") // Swagger UI looks for a field of its own for each format
	p.Open("/docs")
	p.Until(`document.querySelectorAll(".opblock").length > 40`)
	operations := browsertest.Eval[[]string](p, `[...document.querySelectorAll(".opblock")].map((e) => e.id)`)
	place := func(id string) int {
		switch {
		case strings.HasSuffix(id, "-deleteImage"):
			return 1
		case strings.Contains(strings.ToLower(id), "delete"):
			return 2
		}
		return 0
	}
	slices.SortStableFunc(operations, func(a, b string) int { return place(a) - place(b) })
	for range 2 {
		for _, id := range operations {
			status := execute(t, p, id)
			isMissing := status == "404" && strings.HasSuffix(strings.ToLower(id), "replaceaudio")
			if status[0] != '2' && !isMissing {
				t.Errorf("%s is answered %s", id, status)
			}
		}
	}
}

// execute sends the request of an operation and returns the status of the answer.
func execute(t *testing.T, p *browsertest.Page, id string) (status string) {
	t.Helper()
	block := fmt.Sprintf("document.getElementById(%q)", id)
	if !browsertest.Eval[bool](p, block+`.classList.contains("is-open")`) {
		browsertest.Eval[any](p, `(`+block+`.querySelector(".opblock-summary-control").click(), null)`)
	}
	// Swagger UI resolves an operation once it is open, and does not wait for that
	// before it executes it.
	p.Until(block + `.querySelector(".execute") && !` + block + `.querySelector(".opblock-loading-animation")`)
	if browsertest.Eval[bool](p, `Boolean(`+block+`.querySelector("input[type=file]"))`) {
		file := writeFile(t, "a.jpeg", jpegOf(3, 2))
		if strings.Contains(strings.ToLower(id), "audio") {
			file = writeFile(t, "a.json", encode(newSession()))
		}
		p.Do(chromedp.SetUploadFiles(`#`+id+` input[type="file"]`, []string{file}))
	}
	browsertest.Eval[any](p, `(`+block+`.querySelector(".btn-clear")?.click(), null)`)
	p.Until(`!` + block + `.querySelector(".live-responses-table, .btn-clear")`)
	browsertest.Eval[any](p, `(`+block+`.querySelector(".execute").click(), null)`)
	p.Until(block + `.querySelector(".live-responses-table tr.response td.response-col_status, .invalid, .validation-errors")`)
	status = browsertest.Eval[string](p, `(`+block+`.querySelector(".live-responses-table tr.response td.response-col_status")?.innerText.trim() ?? `+block+`.querySelector(".opblock-body").innerText)`)
	browsertest.Eval[any](p, `(`+block+`.querySelector(".opblock-summary-control").click(), null)`)
	return strings.Fields(status)[0]
}

// A person who has authorised in /docs executes operations with their key.
func TestBrowserAuthorizesInTheDocumentation(t *testing.T) {
	url, keys := startGuarded(t, nil, "accounts:read")
	p := browsertest.New(t, url)
	p.Tolerate("Could not find component")
	p.Open("/docs")
	const list = `[...document.querySelectorAll(".opblock")].find((e) => e.id.endsWith("-listAccounts"))`
	p.Until(list)
	id := browsertest.Eval[string](p, list+".id")
	if status := execute(t, p, id); status != "401" {
		t.Errorf("without a key: %s", status)
	}
	browsertest.Eval[any](p, `(document.querySelector(".auth-wrapper .authorize").click(), null)`)
	p.Until(`document.querySelector(".auth-container input")`)
	p.Do(chromedp.SendKeys(".auth-container input", keys[0]))
	browsertest.Eval[any](p, `(document.querySelector(".auth-container .authorize").click(), null)`)
	p.Until(`document.querySelector(".auth-container .btn-done")`)
	browsertest.Eval[any](p, `(document.querySelector(".auth-container .btn-done").click(), null)`)
	if status := execute(t, p, id); status != "200" {
		t.Errorf("with a key: %s", status)
	}
}
