// Package repo finds the files of this repository and builds its programs, for
// the tests that hold the deployment to them.
package repo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Root is the folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../../..")
}

// Read returns the content of a file of the repository.
func Read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root(), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// build builds the programs of the services once and returns their folder.
var build = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(Root(), ".tools", "programs")
	cmd := exec.Command("go", "build", "-o", dir+"/",
		"./services/accounts/cmd/accounts", "./services/audios/cmd/audios", "./services/gateway/cmd/gateway")
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

// Program is a program of a service, by what it says about itself.
type Program struct {
	Path     string
	Settings map[string]bool // the environment variables that it takes
	Commands map[string]bool
}

var (
	variable = regexp.MustCompile(`(?m)^  ([A-Z][A-Z0-9_]+)\s`)
	command  = regexp.MustCompile(`(?m)^  ([a-z]+)\s`)
)

// Programs returns accounts, audios and gateway.
func Programs(t testing.TB) map[string]Program {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]Program{}
	for _, name := range []string{"accounts", "audios", "gateway"} {
		p := Program{Path: filepath.Join(dir, name), Settings: map[string]bool{}, Commands: map[string]bool{}}
		usage, err := exec.Command(p.Path, "--help").Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range variable.FindAllStringSubmatch(string(usage), -1) {
			p.Settings[m[1]] = true
		}
		for _, m := range command.FindAllStringSubmatch(string(usage), -1) {
			p.Commands[m[1]] = true
		}
		programs[name] = p
	}
	return programs
}

// inherited are variables of the Go runtime and the client libraries, which no
// program lists.
var inherited = map[string]bool{
	"GOMEMLIMIT": true, "SPANNER_EMULATOR_HOST": true, "PUBSUB_EMULATOR_HOST": true, "STORAGE_EMULATOR_HOST": true,
}

// Check returns the mistakes in the arguments and the environment that the
// program is deployed with. It runs the program with one mistake of its own, so
// that it never starts.
func (p Program) Check(args []string, environment map[string]string) (mistakes []string) {
	for _, arg := range args {
		if !p.Commands[arg] {
			mistakes = append(mistakes, fmt.Sprintf("%s has no command %q", filepath.Base(p.Path), arg))
		}
	}
	cmd := exec.Command(p.Path)
	cmd.Env = []string{"PORT=wrong"}
	for name, value := range environment {
		if !p.Settings[name] && !inherited[name] {
			mistakes = append(mistakes, fmt.Sprintf("%s has no setting %s", filepath.Base(p.Path), name))
		}
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, _ := cmd.CombinedOutput()
	if !strings.Contains(string(out), "1 mistake in the environment:\n  PORT") {
		mistakes = append(mistakes, fmt.Sprintf("%s refuses its environment: %s", filepath.Base(p.Path), out))
	}
	return mistakes
}
