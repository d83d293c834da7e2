// Command breaking compares the API and the schemas of the events with those of
// a revision, and exits 1 if clients or subscribers of it would break.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

const (
	api     = "services/gateway/openapi.yaml"
	schemas = "pkg/events/schemas"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: breaking REVISION")
		os.Exit(2)
	}
	mistakes, err := compare(repo.Root(), os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, m := range mistakes {
		fmt.Println(m)
	}
	if len(mistakes) > 0 {
		os.Exit(1)
	}
}

func compare(root, revision string) (mistakes []string, err error) {
	dir, err := os.MkdirTemp("", "breaking")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	show := func(path string) ([]byte, error) {
		return exec.Command("git", "-C", root, "show", revision+":"+path).Output()
	}
	old, err := show(api)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", api, revision, err)
	}
	base := filepath.Join(dir, "openapi.yaml")
	if err := os.WriteFile(base, old, 0o600); err != nil {
		return nil, err
	}
	out, err := exec.Command(filepath.Join(root, ".tools/oasdiff"), "breaking", "--fail-on", "ERR", base, filepath.Join(root, api)).CombinedOutput()
	if err != nil {
		mistakes = append(mistakes, string(out))
	}
	names, err := exec.Command("git", "-C", root, "ls-tree", "--name-only", revision, schemas+"/").Output()
	if err != nil {
		return nil, err
	}
	for _, name := range strings.Fields(string(names)) {
		if filepath.Ext(name) != ".json" {
			continue
		}
		old, err := show(name)
		if err != nil {
			return nil, err
		}
		current, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			mistakes = append(mistakes, name+" is gone: events of this type can no longer be read")
			continue
		}
		faults, err := narrowed(old, current)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, f := range faults {
			mistakes = append(mistakes, name+f)
		}
	}
	return mistakes, nil
}
