// Package system runs the built programs: the three services on the emulators
// that "make deploy-check" starts, and the all-in-one process.
package system

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

// Resources names what the services keep their data in.
type Resources struct {
	Project, Instance string
	Buckets           map[string]string // by service
	Broker            string            // address of Pub/Sub, if it is not the emulator's own
}

// System is the running system.
type System struct {
	URL   string            // of the API
	Key   string            // an API key with all scopes, "" if none is needed
	Admin map[string]string // host and port of /metrics, by program

	processes map[string]*exec.Cmd
	said      map[string]*output
}

// Said returns what a program has logged.
func (s *System) Said(program string) string { return s.said[program].String() }

// Emulator returns the address of an emulator, which a variable names.
func Emulator(t testing.TB, variable string) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		t.Fatalf("%s is not set: run the tests by make deploy-check, which starts the emulators", variable)
	}
	return address
}

func (r Resources) environment(t testing.TB, service string) []string {
	t.Helper()
	env := []string{
		"GOOGLE_CLOUD_PROJECT=" + r.Project, "CONCHA_BUCKET=" + r.Buckets[service], "CONCHA_SPANNER_MAX_WRITES=1",
		fmt.Sprintf("CONCHA_SPANNER_DATABASE=projects/%s/instances/%s/databases/%s", r.Project, r.Instance, service),
	}
	for _, name := range []string{"SPANNER_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"} {
		env = append(env, name+"="+Emulator(t, name))
	}
	if r.Broker != "" {
		env = append(env, "PUBSUB_EMULATOR_HOST="+r.Broker) // the last one counts
	}
	return env
}

// Provision runs the command provision of a service and returns its output.
func (r Resources) Provision(t testing.TB, service string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), repo.Built(t, service), "provision")
	cmd.Env = append(r.environment(t, service), "CONCHA_TRUST_NETWORK=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s provision: %v: %s", service, err, out)
	}
	return string(out)
}

// Start starts the three services, which ask for credentials, until the test
// ends. It returns when they are ready.
func (r Resources) Start(t testing.TB) *System {
	t.Helper()
	dir := t.TempDir()
	keys, private, public := filepath.Join(dir, "keys.ndjson"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "keys.pem")
	concha := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), repo.Built(t, "concha"), append([]string{"keys"}, args...)...).Output()
		if err != nil {
			t.Fatalf("concha keys %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	concha("gateway", "--private", private, "--public", public)
	s := &System{
		Key:   concha("new", "--name", "check", "--scopes", "accounts:read,accounts:write,audios:read,audios:write,events:read", "--file", keys),
		Admin: map[string]string{}, processes: map[string]*exec.Cmd{}, said: map[string]*output{},
	}
	urls := map[string]string{}
	for _, service := range []string{"accounts", "audios"} {
		urls[service] = s.start(t, service, append(r.environment(t, service), "CONCHA_GATEWAY_PUBLIC_KEYS_FILE="+public)...)
	}
	s.URL = s.start(t, "gateway", "CONCHA_ACCOUNTS_URL="+urls["accounts"], "CONCHA_AUDIOS_URL="+urls["audios"],
		"CONCHA_API_KEYS_FILE="+keys, "CONCHA_GATEWAY_KEY_FILE="+private)
	s.ready(t)
	return s
}

// AllInOne starts the all-in-one process without access control until the test
// ends. It returns when the process is ready.
func AllInOne(t testing.TB) *System {
	t.Helper()
	s := &System{Admin: map[string]string{}, processes: map[string]*exec.Cmd{}, said: map[string]*output{}}
	s.URL = s.start(t, "allinone", "CONCHA_DATA_DIR="+t.TempDir())
	s.ready(t)
	return s
}

// start starts a program on free ports and returns its URL.
func (s *System) start(t testing.TB, program string, environment ...string) (url string) {
	t.Helper()
	port, admin := FreePort(t), FreePort(t)
	said := new(output)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), repo.Built(t, program))
	cmd.Env = append(environment, "PORT="+port, "CONCHA_ADMIN_PORT="+admin, "CONCHA_LOG_LEVEL=warn")
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.processes[program], s.Admin[program], s.said[program] = cmd, "localhost:"+admin, said
	t.Cleanup(func() {
		s.Stop(program)
		if t.Failed() {
			text := said.String()
			t.Logf("%s said at the end: %s", program, text[max(0, len(text)-2000):])
		}
	})
	return "http://localhost:" + port
}

// Stop stops a program, if it runs, and returns when it has ended.
func (s *System) Stop(program string) {
	cmd := s.processes[program]
	if cmd == nil {
		return
	}
	delete(s.processes, program)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
}

func (s *System) ready(t testing.TB) {
	t.Helper()
	Eventually(t, s.URL+" is ready", func() error {
		if status, body := s.Do(t, http.MethodGet, "/readyz", ""); status != http.StatusOK {
			return fmt.Errorf("%d: %s", status, body)
		}
		return nil
	})
}

// Do sends a request with the API key, and with a JSON body if it is not empty.
// The status is 0 if there is no answer.
func (s *System) Do(t testing.TB, method, path, body string) (status int, answer string) {
	t.Helper()
	return Do(t, method, s.URL+path, body, "Authorization", "Bearer "+s.Key)
}

// Do sends a request with headers, and with a JSON body if it is not empty. The
// status is 0 if there is no answer.
func Do(t testing.TB, method, url, body string, header ...string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] != "Bearer " {
			req.Header.Set(header[i], header[i+1])
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

// Eventually calls try until it returns nil, for at most a minute.
func Eventually(t testing.TB, about string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	err := try()
	for ; err != nil && time.Now().Before(deadline); err = try() {
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("%s: not within a minute: %v", about, err)
	}
}

// FreePort returns a TCP port that nothing listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// output collects the output of a program.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
