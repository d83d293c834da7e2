// Command cloudtest runs the tests of code that uses Google Cloud. It starts
// the emulators that they need on free ports, runs "go test", prints which
// suites ran on which adapter, and stops the emulators. A skipped test and a
// package without tests are failures.
//
//	cloudtest [flags of go test] packages
//	cloudtest exec command [arguments]
//
// In the second form it runs a command in the environment of the emulators, with
// the address of Spanner's REST API as SPANNER_EMULATOR_REST.
//
// A -run among the flags selects tests, except for those that run while Spanner
// injects faults. With -v the output of tests is printed at once.
//
// The Spanner and Pub/Sub emulators are those of an installed Google Cloud SDK;
// without one they run in Docker. The storage emulator runs in this process.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cloudtest:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// pass is one run of go test.
type pass struct {
	about    string
	spanner  string // address of the emulator
	match    string // pattern of test names unless the flags have one; empty: all
	only     string // pattern of test names, whatever the flags are
	packages []string
}

const usage = "usage: cloudtest [flags of go test] ./package... | cloudtest exec command [arguments]"

func run(ctx context.Context, args []string) (err error) {
	if len(args) > 1 && args[0] == "exec" {
		return execute(ctx, args[1:])
	}
	first := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "./") })
	if first < 0 {
		return errors.New(usage)
	}
	flags, packages := args[:first], args[first:]

	e := new(emulators)
	defer e.stop()
	begun := time.Now()
	if err := e.start(ctx); err != nil {
		return err
	}
	fmt.Printf("cloudtest: the emulators are ready after %.1f s\n", time.Since(begun).Seconds())

	report := newReport(os.Stdout)
	report.verbose = slices.Contains(flags, "-v")
	for _, p := range passes(e, packages) {
		if err := e.test(ctx, p, flags, report); err != nil {
			return err
		}
	}
	return report.close()
}

// execute runs a command in the environment of the emulators.
func execute(ctx context.Context, argv []string) error {
	e := new(emulators)
	defer e.stop()
	if err := e.start(ctx); err != nil {
		return err
	}
	cmd := command(ctx, syscall.SIGKILL, argv[0], argv[1:]...)
	cmd.Env = append(e.environment(e.spanner), "SPANNER_EMULATOR_REST=http://"+e.spannerREST)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	return wait(cmd)
}

// environment returns the environment in which the client libraries find the
// emulators.
func (e *emulators) environment(spanner string) []string {
	return append(os.Environ(),
		"SPANNER_EMULATOR_HOST="+spanner, "PUBSUB_EMULATOR_HOST="+e.pubsub, "STORAGE_EMULATOR_HOST=http://"+e.storage)
}

// passes returns all passes: the tests of the adapters, the suites of Spanner's
// adapters again with randomly aborted transactions, the cloud part of the
// end-to-end tests, and its crash test again with aborted transactions.
func passes(e *emulators, packages []string) []pass {
	adapters := pass{about: "the adapters", spanner: e.spanner}
	faulty := pass{about: "the stores on a Spanner that injects faults", spanner: e.faultySpanner, only: "^(TestStore|TestLog|TestKeys)$"}
	system := pass{about: "the whole system", spanner: e.spanner, match: "^Test(ThreeProcesses|EventsReplay)"}
	killed := pass{about: "killed replicas on a Spanner that injects faults", spanner: e.faultySpanner, only: "^TestThreeProcessesKilled$"}
	for _, p := range packages {
		if strings.HasSuffix(p, "/e2e") {
			system.packages = append(system.packages, p)
			killed.packages = append(killed.packages, p)
			continue
		}
		adapters.packages = append(adapters.packages, p)
		if strings.HasSuffix(p, "/spannerstore") || strings.HasSuffix(p, "/spannerlog") || strings.HasSuffix(p, "/spannerkeys") {
			faulty.packages = append(faulty.packages, p)
		}
	}
	return slices.DeleteFunc([]pass{adapters, faulty, system, killed}, func(p pass) bool { return len(p.packages) == 0 })
}

// test runs one pass. It returns an error if go test could not be run. The
// report has the results of the tests.
func (e *emulators) test(ctx context.Context, p pass, flags []string, report *report) error {
	fmt.Printf("cloudtest: %s\n", p.about)
	args := []string{"test", "-json", "-tags", "cloud", "-count", "1"}
	if p.match != "" {
		args = append(args, "-run", p.match)
	}
	args = append(args, flags...)
	if p.only != "" {
		args = append(args, "-run", p.only)
	}
	cmd := command(ctx, syscall.SIGKILL, "go", append(args, p.packages...)...)
	cmd.Env = e.environment(p.spanner)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = report.read(stdout, p.about)
	if exit := wait(cmd); exit != nil && (err != nil || ctx.Err() != nil || !report.failed()) {
		return fmt.Errorf("go test: %w", exit)
	}
	return err
}

// command returns a command in a process group of its own, which is sent that
// signal as a whole when ctx ends. It is waited for by wait.
func command(ctx context.Context, signal syscall.Signal, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, signal) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// wait waits for a command and kills the processes that it has left running.
func wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // there may be nothing
	return err
}
