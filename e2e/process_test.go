package e2e

import (
	"bufio"
	"bytes"
	"cmp"
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
)

// program is the built program, running.
type program struct {
	url     string
	startup time.Duration // until it took requests
	process *os.Process
	stderr  *output
	exited  chan struct{}
	err     error // once exited
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

// command returns the built program, to be run with these settings alone.
func command(t testing.TB, settings []string, args ...string) *exec.Cmd {
	t.Helper()
	return built(t, "allinone", settings, args...)
}

// concha returns the client's program, to be run with these settings alone.
func concha(t testing.TB, settings []string, args ...string) *exec.Cmd {
	t.Helper()
	return built(t, "concha", settings, args...)
}

func built(t testing.TB, name string, settings []string, args ...string) *exec.Cmd {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(scratch, name), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"HOME=" + cmd.Dir}, settings...)
	return cmd
}

// startProgram runs the built program on a free port and returns once it takes
// requests. It is killed when the test ends.
func startProgram(t testing.TB, dir string, settings ...string) *program {
	t.Helper()
	return launch(t, command(t, settings), dir)
}

// launch runs a program, which may be that of another release, as startProgram
// does.
func launch(t testing.TB, cmd *exec.Cmd, dir string) *program {
	t.Helper()
	cmd.Env = append([]string{"PORT=" + freePort(t), "CONCHA_DATA_DIR=" + dir, "CONCHA_LOG_LEVEL=warn"}, cmd.Env...)
	p := &program{stderr: new(output), exited: make(chan struct{})}
	cmd.Stderr = p.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.process = cmd.Process
	line, err := bufio.NewReader(stdout).ReadString('\n')
	p.startup = time.Since(begun)
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.process.Kill() // or it has exited
		<-p.exited
	})
	_, rest, ok := strings.Cut(line, "The API is at ")
	p.url, _, _ = strings.Cut(rest, ",")
	if err != nil || !ok {
		t.Fatalf("the program said %q, %v: %s", line, err, p.stderr)
	}
	return p
}

// begin starts a server, which listens at url once it is ready. It is killed when
// the test ends, if it has not exited before.
func begin(t testing.TB, cmd *exec.Cmd, url string) *program {
	t.Helper()
	p := &program{stderr: new(output), exited: make(chan struct{}), url: url}
	cmd.Stderr = p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.process = cmd.Process
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.process.Kill() // or it has exited
		<-p.exited
		if said := p.stderr.String(); t.Failed() {
			t.Logf("%s said at the end: %s", filepath.Base(cmd.Path), said[max(0, len(said)-5000):])
		}
	})
	return p
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// kill ends the program as a power cut would, but for the disk.
func (p *program) kill(t testing.TB) {
	t.Helper()
	if err := p.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.exited
}

// stop asks the program to end, and returns its exit code and how long it took.
func (p *program) stop(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	begun := time.Now()
	if err := p.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return p.wait(t), time.Since(begun)
}

func (p *program) wait(t testing.TB) (code int) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		t.Fatalf("does not end: %s", p.stderr)
	}
	return exitCode(t, p.err)
}

func exitCode(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	exit, ok := err.(*exec.ExitError) //nolint:errorlint // Wait does not wrap it
	if !ok {
		t.Fatal(err)
	}
	return exit.ExitCode()
}

// TestGracefulStop sends SIGTERM while a request is half sent and others
// arrive. The process reports that it is not ready, the first request succeeds,
// no answer is a 5xx except for readiness, and all answered writes are kept.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startProgram(t, dir)
	half := newClient(t, p.url).dial()
	email := uniqueEmail()
	body := profile("Half", email, "")
	head := "POST /v1/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	if _, err := io.WriteString(half, head+body[:10]); err != nil {
		t.Fatal(err)
	}
	load := newLoad(32)
	underWay := load.run(p.url)
	<-underWay.begun
	var following sync.WaitGroup
	following.Go(newClient(t, p.url).openStream("/v1/events/accounts").ends)
	stopped := time.Now()
	if err := p.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new connection tells that the process is not ready", func() bool {
		_, err := request("GET", p.url+"/readyz", "", http.StatusServiceUnavailable)
		return err == nil
	})
	if _, err := io.WriteString(half, body[10:]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(half), nil)
	if err != nil {
		t.Fatalf("the request under way: %v", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("the request under way is answered %s", resp.Status)
	}
	following.Wait()
	code := p.wait(t)
	if took := time.Since(stopped); code != 0 || took > 10*time.Second {
		t.Errorf("exit code %d after %v: %s", code, took, p.stderr)
	}
	underWay.wait()
	load.report(t)

	p = startProgram(t, dir)
	load.reconcile(t, p.url)
	c := newClient(t, p.url)
	if _, items := pages(c, "/v1/accounts?email="+email); len(items) != 1 {
		t.Errorf("%d accounts of the request under way", len(items))
	}
	// A connection that was opened and not used yet holds up a stop.
	c.http.CloseIdleConnections()
	load.http.CloseIdleConnections()
	if code, took := p.stop(t); code != 0 || took > 10*time.Second {
		t.Errorf("idle: exit code %d after %v: %s", code, took, p.stderr)
	}
	if text := p.stderr.String(); text != "" {
		t.Errorf("logged at warn or above: %s", text)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for name, run := range map[string]struct {
		program  string // default: allinone
		settings []string
		args     []string
		code     int
		stdout   []string
		stderr   []string
	}{
		"several mistakes": {
			settings: []string{"PORT=0", "CONCHA_LOG_LEVEL=loud", "CONCHA_BACKEND=gcp", "CONCHA_PUBLIC_URL=nowhere", "CONCHA_TRUSTED_PROXIES=everyone", "CONCHA_REQUIRE_IF_MATCH=maybe"},
			code:     2, stderr: []string{"PORT", "CONCHA_LOG_LEVEL", "CONCHA_BACKEND", "CONCHA_PUBLIC_URL", "CONCHA_TRUSTED_PROXIES", "CONCHA_REQUIRE_IF_MATCH", "--help"},
		},
		"no number":        {settings: []string{"PORT=x"}, code: 2, stderr: []string{"PORT", "65535"}},
		"help":             {args: []string{"--help"}, stdout: []string{"PORT", "8080", "CONCHA_DATA_DIR", "./data", "CONCHA_BACKEND", "embedded", "CONCHA_PUBLIC_URL", "CONCHA_TRUSTED_PROXIES", "CONCHA_REQUIRE_IF_MATCH", "CONCHA_LOG_LEVEL"}},
		"help of mistakes": {args: []string{"-h"}, settings: []string{"PORT=x"}, stdout: []string{"PORT"}},
		"version":          {args: []string{"--version"}, stdout: []string{"allinone"}},
		"unknown command":  {args: []string{"dance"}, code: 2, stderr: []string{"dance", "--help"}},
		"unknown argument": {args: []string{"serve", "--now"}, code: 2, stderr: []string{"--now"}},
		"taken port":       {settings: []string{"PORT=" + port}, code: 1, stderr: []string{port, "taken"}},
		"folder that is a file": {
			settings: []string{"PORT=" + freePort(t), "CONCHA_DATA_DIR=" + os.Args[0]}, code: 1, stderr: []string{os.Args[0], "CONCHA_DATA_DIR"},
		},
		"wipe of nothing":          {program: "concha", args: []string{"wipe"}, code: 2, stderr: []string{"accounts or audios"}},
		"wipe of no server":        {program: "concha", args: []string{"wipe", "--url", "http://localhost:" + freePort(t), "accounts"}, code: 1, stderr: []string{"connect"}},
		"flags after arguments":    {program: "concha", args: []string{"wipe", "accounts", "--url", "http://localhost:" + freePort(t)}, code: 1, stderr: []string{"connect"}},
		"concha without more":      {program: "concha", code: 2, stderr: []string{"--help"}},
		"help of concha":           {program: "concha", args: []string{"--help"}, stdout: []string{"events", "wipe"}},
		"version of concha":        {program: "concha", args: []string{"--version"}, stdout: []string{"concha"}},
		"unknown to concha":        {program: "concha", args: []string{"dance"}, code: 2, stderr: []string{"dance", "--help"}},
		"events without more":      {program: "concha", args: []string{"events"}, code: 2, stderr: []string{"replay, snapshot, tail"}},
		"events of no server":      {program: "concha", args: []string{"events", "snapshot", "accounts", "--url", "http://localhost:" + freePort(t)}, code: 1, stderr: []string{"connect"}},
		"help of events":           {program: "concha", args: []string{"events", "--help"}, stdout: []string{"tail", "replay", "snapshot"}},
		"replay to the live topic": {program: "concha", args: strings.Fields("events replay accounts --from 1h --project p --topic account-events-v1"), code: 2, stderr: []string{"live topic"}},
		"replay to a live topic of another name": {
			program: "concha", settings: []string{"CONCHA_EVENTS_TOPIC=own"}, args: strings.Fields("events replay accounts --from 1h --project p --topic own"),
			code: 2, stderr: []string{"live topic"},
		},
		"wipe of a bad flag": {program: "concha", args: []string{"wipe", "--nope", "accounts"}, code: 2, stderr: []string{"nope"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := built(t, cmp.Or(run.program, "allinone"), run.settings, run.args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if code := exitCode(t, cmd.Run()); code != run.code {
				t.Errorf("exit code %d, want %d", code, run.code)
			}
			for _, want := range run.stdout {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("stdout lacks %q:\n%s", want, &stdout)
				}
			}
			for _, want := range run.stderr {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr lacks %q:\n%s", want, &stderr)
				}
			}
			if strings.Contains(stderr.String(), "goroutine ") {
				t.Errorf("a stack is shown:\n%s", &stderr)
			}
		})
	}
}

// TestWipe deletes everything of a system with more than a page of each.
func TestWipe(t *testing.T) {
	t.Parallel()
	url, _ := startSystem(t)
	c := newClient(t, url)
	for collection, n := range map[string]int{"accounts": 1500, "audios": 50} {
		atOnce(32, n, func(int) {
			body := profile("Jo", uniqueEmail(), "")
			if collection == "audios" {
				body = encode(newSession())
			}
			c.json("POST", "/v1/"+collection, body)
		})
		out, err := concha(t, nil, "wipe", "--url", url, collection).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if want := fmt.Sprintf("%d deleted from ", n); !strings.Contains(string(out), want) || strings.Count(string(out), "deleted") < 2 {
			t.Errorf("it does not tell %q step by step: %q", want, out)
		}
		if _, items := pages(c, "/v1/"+collection); len(items) > 0 {
			t.Errorf("%d %s are left", len(items), collection)
		}
	}
}
