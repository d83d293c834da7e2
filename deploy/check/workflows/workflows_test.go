// Package workflows checks the workflows of GitHub Actions with actionlint.
package workflows

import (
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

func lint(t *testing.T, name, text string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(repo.Root(), ".tools/actionlint"), "-no-color", "-shellcheck=", "-pyflakes=", "-stdin-filename", name, "-")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var all []string
	if len(out) > 0 {
		all = append(all, string(out))
	}
	for _, target := range regexp.MustCompile(`run: make ([a-z-]+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(repo.Read(t, "Makefile"), "\n"+target[1]+":") {
			all = append(all, "no target "+target[1])
		}
	}
	return strings.Join(all, "\n")
}

func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repo.Root(), ".github/workflows/*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := ".github/workflows/" + filepath.Base(file)
		if found := lint(t, name, repo.Read(t, name)); found != "" {
			t.Error(found)
		}
	}
}

func TestMistakes(t *testing.T) {
	const name = ".github/workflows/ci.yml"
	for kind, m := range map[string]struct{ old, new, want string }{
		"misspelt key":       {"runs-on", "run-on", "run-on"},
		"unknown runner":     {"ubuntu-latest", "ubuntu-newest", "ubuntu-newest"},
		"unknown input":      {"go-version:", "goversion:", "goversion"},
		"unknown expression": {"github.job", "github.jobs", "jobs"},
		"unknown target":     {"make deploy-check", "make deploy-checks", "no target deploy-checks"},
	} {
		t.Run(kind, func(t *testing.T) {
			text := repo.Read(t, name)
			if !strings.Contains(text, m.old) {
				t.Fatalf("no %q", m.old)
			}
			if found := lint(t, name, strings.Replace(text, m.old, m.new, 1)); !strings.Contains(found, m.want) {
				t.Errorf("found:\n%s\nwant: %s", found, m.want)
			}
		})
	}
}
