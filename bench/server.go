package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// program is something to start, with its name in the tables.
type program struct {
	name string
	argv []string
	env  []string // settings of its own
}

// build returns the product, built now, and the limit, which is this program.
func build(ctx context.Context, dir string) (programs [2]program, err error) {
	fmt.Println("building the all-in-one program")
	product := filepath.Join(dir, "allinone")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", product, "github.com/concha-labs/backend/services/allinone")
	if out, err := cmd.CombinedOutput(); err != nil {
		return programs, fmt.Errorf("go build: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return programs, err
	}
	return [2]program{{name: "product", argv: []string{product}}, {name: "limit", argv: []string{self, "limit"}}}, nil
}

const (
	startWithin = 10 * time.Second
	stopWithin  = 12 * time.Second
	pollEvery   = 500 * time.Microsecond
)

// server is a running program.
type server struct {
	addr    string
	cmd     *exec.Cmd
	started time.Duration // until it first answered that it is ready
}

// start runs p on a free port with its data in dir, and returns when it is
// ready. Its output goes to a file in dir.
func start(ctx context.Context, p program, dir string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	defer output.Close()
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Env = append(append(environ(), "PORT="+port, "CONCHA_DATA_DIR="+dir), p.env...)
	s := &server{addr: "127.0.0.1:" + port, cmd: cmd}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := waitReady(ctx, s.addr); err != nil {
		_ = s.stop()
		printed, _ := os.ReadFile(output.Name())
		return nil, fmt.Errorf("%s: %w\n%s", p.name, err, printed)
	}
	s.started = time.Since(begin)
	return s, nil
}

// waitReady returns once the server at addr answers that it is ready.
func waitReady(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		err := askReady(ctx, addr)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return fmt.Errorf("it is not ready: %w", err)
		}
	}
}

func askReady(ctx context.Context, addr string) error {
	c, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	return c.roundTrip(get([]byte("GET /readyz")))
}

// environ is the environment without the settings of a real installation.
func environ() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "CONCHA_") {
			env = append(env, entry)
		}
	}
	return env
}

func freePort(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "localhost:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// stop ends the server as an operator would, by SIGTERM.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	kill := time.AfterFunc(stopWithin, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	err := s.cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); exited && s.cmd.ProcessState.ExitCode() >= 0 {
		return fmt.Errorf("the server ended with %w", err)
	}
	return nil
}

// clockTick is the unit of the times in /proc: USER_HZ, which is 100 on every
// platform that Linux runs on.
const clockTick = time.Second / 100

// cpu returns the CPU time that the server has used, user and system; 0 where
// there is no /proc.
func (s *server) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The name of the program, in parentheses, may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * clockTick
}

// settle waits until the server is idle, for at most 10 s.
func (s *server) settle(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last := s.cpu()
	for range 100 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := s.cpu()
		if now-last <= clockTick {
			return
		}
		last = now
	}
}

// memory returns the resident memory of the server and the most it has been,
// in bytes; 0 where there is no /proc.
func (s *server) memory() (resident, peak int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kB, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			resident = kB << 10
		case "VmHWM":
			peak = kB << 10
		}
	}
	return resident, peak
}
