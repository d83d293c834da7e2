// Package repo finds the files of this repository and builds its programs, for
// the tests that hold the deployment to them.
package repo

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
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
		"./services/accounts/cmd/accounts", "./services/audios/cmd/audios", "./services/gateway/cmd/gateway", "./services/allinone", "./cmd/concha")
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, writeSamples(dir)
})

// Built returns the path of a program of this repository: of a service, or
// allinone or concha.
func Built(t testing.TB, name string) string {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

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

// samples are files of the kinds that settings name, by setting.
func samples(program string) map[string]string {
	dir := filepath.Dir(program)
	return map[string]string{
		"CONCHA_ACCOUNTS_TOKEN_FILE":      filepath.Join(dir, "audios.key"),
		"CONCHA_API_KEYS_FILE":            filepath.Join(dir, "keys.ndjson"),
		"CONCHA_GATEWAY_KEY_FILE":         filepath.Join(dir, "key.pem"),
		"CONCHA_GATEWAY_PUBLIC_KEYS_FILE": filepath.Join(dir, "keys.pem"),
	}
}

// writeSamples writes the files of samples into the folder of the programs.
func writeSamples(dir string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	line := `{"id":"sample01","name":"sample","sha256":"` + strings.Repeat("0a", 32) + `","scopes":["accounts:read"]}` + "\n"
	for name, content := range map[string][]byte{
		"key.pem":     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"keys.pem":    pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}),
		"keys.ndjson": []byte(line),
		"audios.key":  []byte("concha_sample01_sample\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
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
		if sample, ok := samples(p.Path)[name]; ok {
			value = sample // the file is made where the program is deployed
		}
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, _ := cmd.CombinedOutput()
	if !strings.Contains(string(out), "1 mistake in the environment:\n  PORT") {
		mistakes = append(mistakes, fmt.Sprintf("%s refuses its environment: %s", filepath.Base(p.Path), out))
	}
	return mistakes
}
