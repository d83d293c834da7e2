//go:build cloud

package e2e

import (
	"context"
	"crypto/rand"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fleet is the system as three processes, on emulators that can fail.
type fleet struct {
	programs string // the folder
	project  string
	ports    map[string]string // by program
	admin    map[string]string // the ports of /metrics

	keys, privateKey, publicKeys string // files

	spanner, broker, storage *backend
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{
		programs: dir,
		project:  "e2e-" + strings.ToLower(rand.Text()),
		ports:    map[string]string{"gateway": freePort(t), "accounts": freePort(t), "audios": freePort(t)},
		admin:    map[string]string{"gateway": freePort(t), "accounts": freePort(t), "audios": freePort(t)},
		spanner:  newBackend(t, "SPANNER_EMULATOR_HOST"),
		broker:   newBackend(t, "PUBSUB_EMULATOR_HOST"),
		storage:  newBackend(t, "STORAGE_EMULATOR_HOST"),
	}
	t.Cleanup(func() { f.deleteSubscriptions(t) }) // which would cost the emulator time
	folder := t.TempDir()
	f.keys, f.privateKey, f.publicKeys = filepath.Join(folder, "keys"), filepath.Join(folder, "private.pem"), filepath.Join(folder, "public.pem")
	for _, args := range [][]string{
		{"keys", "gateway", "--private", f.privateKey, "--public", f.publicKeys},
		{"keys", "new", "--name", "e2e", "--scopes", "accounts:read", "--file", f.keys},
	} {
		if out, err := concha(t, nil, args...).CombinedOutput(); err != nil {
			t.Fatalf("concha %v: %v: %s", args, err, out)
		}
	}
	return f
}

func (f *fleet) url(program string) string { return "http://localhost:" + f.ports[program] }

// database is the name of a service's database.
func (f *fleet) database(service string) string {
	return "projects/" + f.project + "/instances/local/databases/" + service
}

// command returns a program with its settings, and with others that take
// precedence.
func (f *fleet) command(t *testing.T, program string, args []string, settings ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(f.programs, program), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "CONCHA_LOG_LEVEL=warn", "CONCHA_ADMIN_PORT=0"}
	if program == "gateway" {
		// Anybody may do everything, so that every scenario runs as it is, behind
		// all the checks.
		cmd.Env = append(cmd.Env, "CONCHA_ACCOUNTS_URL="+f.url("accounts"), "CONCHA_AUDIOS_URL="+f.url("audios"),
			"CONCHA_GATEWAY_KEY_FILE="+f.privateKey, "CONCHA_API_KEYS_FILE="+f.keys,
			"CONCHA_ANONYMOUS_SCOPES=accounts:read,accounts:write,audios:read,audios:write,events:read", "CONCHA_ANONYMOUS_RATE_LIMIT=1000000/s")
	} else {
		cmd.Env = append(cmd.Env,
			"CONCHA_PUBLIC_URL="+f.url("gateway"), "GOOGLE_CLOUD_PROJECT="+f.project, "CONCHA_SPANNER_DATABASE="+f.database(program),
			"CONCHA_GATEWAY_PUBLIC_KEYS_FILE="+f.publicKeys, "CONCHA_SPANNER_MAX_WRITES=1", "CONCHA_BUCKET="+f.project+"-"+program,
			"SPANNER_EMULATOR_HOST="+f.spanner.address(), "PUBSUB_EMULATOR_HOST="+f.broker.address(),
			"STORAGE_EMULATOR_HOST=http://"+f.storage.address())
	}
	cmd.Env = append(cmd.Env, settings...)
	return cmd
}

// withoutGateway returns the settings of a service that answers everybody.
func withoutGateway() []string {
	return []string{"CONCHA_GATEWAY_PUBLIC_KEYS_FILE=", "CONCHA_TRUST_NETWORK=true"}
}

// run runs a command of a program to its end and returns what it says.
func (f *fleet) run(t *testing.T, program, command string, settings ...string) string {
	t.Helper()
	out, err := f.command(t, program, []string{command}, settings...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, command, err, out)
	}
	return string(out)
}

// provision creates the resources of a service, twice.
func (f *fleet) provision(t *testing.T, service string) {
	t.Helper()
	first, second := f.run(t, service, "provision"), f.run(t, service, "provision")
	for _, what := range []string{f.database(service), f.project + "-" + service, "/topics/", "/subscriptions/"} {
		if !strings.Contains(second, what) {
			t.Errorf("%s provision does not tell of %s: %s", service, what, second)
		}
	}
	if !strings.Contains(first, "made  ") || strings.Contains(second, "made  ") || !strings.Contains(second, "found ") {
		t.Errorf("%s provision said %q, and again %q", service, first, second)
	}
}

// start starts a program, which is killed when the test ends, if it has not
// ended before.
func (f *fleet) start(t *testing.T, program string, settings ...string) *process {
	t.Helper()
	return f.startAt(t, program, f.ports[program], append([]string{"CONCHA_ADMIN_PORT=" + f.admin[program]}, settings...)...)
}

// startAt starts a program on a port of its own.
func (f *fleet) startAt(t *testing.T, program, port string, settings ...string) *process {
	t.Helper()
	cmd := f.command(t, program, nil, append(settings, "PORT="+port)...)
	return &process{begin(t, cmd, "http://localhost:"+port), program, "http://localhost:" + f.admin[program]}
}

// process is one of the three, running.
type process struct {
	*program
	name  string
	admin string // of /metrics, if it is the fleet's first of its name
}

// get returns the answer to a GET; its status is 0 if there is none.
func (p *process) get(path string) reply { return ask(http.MethodGet, p.url+path, "", "") }

// measures checks that the metrics of the process contain these texts.
func (p *process) measures(t *testing.T, texts ...string) {
	t.Helper()
	metrics := ask(http.MethodGet, p.admin+"/metrics", "", "")
	if metrics.status != http.StatusOK {
		t.Errorf("the metrics of %s: %d", p.name, metrics.status)
	}
	metrics.mentions(t, texts...)
}

// becomes waits until the process answers with this status.
func (p *process) becomes(t *testing.T, path string, status int) reply {
	t.Helper()
	var last reply
	deadline := time.Now().Add(30 * time.Second)
	for last.status != status {
		if time.Now().After(deadline) {
			t.Fatalf("GET %s%s answers %d, not %d: %s", p.name, path, last.status, status, last.body)
		}
		select {
		case <-p.exited:
			t.Fatalf("%s has ended, %v: %s", p.name, p.err, p.stderr)
		case <-time.After(20 * time.Millisecond):
		}
		last = p.get(path)
	}
	return last
}

// terminate sends SIGTERM and reports an end that is not a good one.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if code, took := p.stop(t); code != 0 || took > 10*time.Second {
		t.Errorf("%s: exit code %d after %v", p.name, code, took)
	}
}
