package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// The bars: after an abuse, each process returns to this ratio of its idle
// figures; during it, point reads take no longer than this.
const (
	mostLeft     = 1.2
	mostPointP99 = 50 * time.Millisecond
)

// measureAbuse abuses the all-in-one program, and the three processes, as hostile
// or broken clients would. During each abuse it reads an account every few
// milliseconds, and one of the limit, which nobody abuses: what that takes is the
// share of clients that keep the processors of the same machine busy. It prints
// these times, and the resources of each process before, at the peak and
// afterwards.
func measureAbuse(ctx context.Context, args []string, dir string) error {
	flags := flag.NewFlagSet("bench abuse", flag.ContinueOnError)
	only := flags.String("only", "", "the abuses whose name matches this regular expression")
	of := flags.String("of", "", "the systems whose name matches this regular expression: all-in-one, three-processes")
	settle := flags.Duration("settle", 3*time.Minute, "how long to wait until a process has returned to its idle figures")
	if err := flags.Parse(args); err != nil {
		return err
	}
	match, err := regexp.Compile(*only)
	systems, malformed := regexp.Compile(*of)
	if err := cmp.Or(err, malformed); err != nil {
		return err
	}
	fmt.Println("building the programs")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", servicesPath+"allinone", servicesPath+"gateway/cmd/gateway",
		servicesPath+"accounts/cmd/accounts", servicesPath+"audios/cmd/audios")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	known, err := newCredentials(ctx, dir)
	if err != nil {
		return err
	}
	defer known.close()
	bare, err := startLimit(ctx, dir)
	if err != nil {
		return err
	}
	defer bare.stop()
	var reports []abuseReport
	for _, kind := range []struct {
		name  string
		start func(ctx context.Context, dir, prefix string, env ...string) (*abused, error)
	}{{"all-in-one", startAllInOne}, {"three-processes", startThree}} {
		if !systems.MatchString(kind.name) {
			continue
		}
		for _, group := range abuseGroups {
			chosen := slices.DeleteFunc(slices.Clone(group.abuses), func(a abuse) bool { return !match.MatchString(a.name) })
			if len(chosen) == 0 {
				continue
			}
			env := slices.Clone(group.env)
			if group.keys {
				env = append(env, known.settings...)
			}
			s, err := kind.start(ctx, dir, group.prefix, env...)
			if err != nil {
				return err
			}
			s.name, s.settleFor = kind.name, *settle
			some, err := s.suffer(ctx, chosen, bare)
			s.stop()
			if reports = append(reports, some...); err != nil {
				return err
			}
		}
	}
	printAbuse(os.Stdout, reports)
	return nil
}

const servicesPath = "github.com/concha-labs/backend/services/"

// abused is a running system with some data.
type abused struct {
	name      string
	processes []*process // the first one is that of the public
	ids       []int64
	settleFor time.Duration
}

func (s *abused) addr() string { return s.processes[0].addr }

func (s *abused) stop() {
	for _, p := range s.processes {
		if err := p.stop(); err != nil {
			fmt.Fprintf(os.Stderr, "bench: stop %s: %v\n", p.name, err)
		}
	}
}

// add starts a program. prefix is a command of the shell that runs before it.
func (s *abused) add(ctx context.Context, dir, name, prefix string, env ...string) (*process, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	argv := []string{"/bin/sh", "-c", prefix + "exec " + filepath.Join(dir, name)}
	data, err := os.MkdirTemp(dir, name+"-data")
	if err != nil {
		return nil, err
	}
	server, err := start(ctx, program{name, argv, append(env, "CONCHA_LOG_LEVEL=error", "CONCHA_ADMIN_PORT="+port)}, data)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, admin: "127.0.0.1:" + port, server: server}
	s.processes = append([]*process{p}, s.processes...)
	return p, nil
}

func startAllInOne(ctx context.Context, dir, prefix string, env ...string) (*abused, error) {
	s := new(abused)
	_, err := s.add(ctx, dir, "allinone", prefix, env...)
	return s, err
}

// startThree starts the gateway and both services, which have SQLite and a
// folder each, as the cost of emulators would drown theirs.
func startThree(ctx context.Context, dir, prefix string, env ...string) (*abused, error) {
	s := new(abused)
	for _, name := range []string{"accounts", "audios"} {
		p, err := s.add(ctx, dir, name, prefix, "CONCHA_BACKEND=embedded", "CONCHA_TRUST_NETWORK=true")
		if err != nil {
			s.stop()
			return nil, err
		}
		env = append(env, "CONCHA_"+strings.ToUpper(name)+"_URL=http://"+p.addr)
	}
	if _, err := s.add(ctx, dir, "gateway", prefix, append([]string{"CONCHA_AUTH=none", "CONCHA_ALLOW_PUBLIC_UNAUTHENTICATED=true"}, env...)...); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// startLimit starts the limit, with a few accounts.
func startLimit(ctx context.Context, dir string) (*abused, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	server, err := start(ctx, program{name: "limit", argv: []string{self, "limit"}}, filepath.Join(dir, "limit-data"))
	if err != nil {
		return nil, err
	}
	s := &abused{processes: []*process{{name: "limit", server: server}}}
	data := &side{server: server}
	if s.ids, err = data.create(ctx, 16); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// abuseReport is the result of an abuse.
type abuseReport struct {
	system, abuse     string
	processes         []string
	idle, peak, after []usage
	reads, bare       *pointReads // bare: of the limit
	answers           map[string]int
	settled           time.Duration // 0: not within the time
}

// suffer abuses s in turns. It reads from bare at the same time.
func (s *abused) suffer(ctx context.Context, abuses []abuse, bare *abused) ([]abuseReport, error) {
	if err := s.warmUp(ctx); err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	idle := s.idle(ctx)
	var reports []abuseReport
	for _, a := range abuses {
		report := abuseReport{system: s.name, abuse: a.name, idle: idle}
		for _, p := range s.processes {
			report.processes = append(report.processes, p.name)
		}
		running, end := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { report.peak = watch(running, s.processes) })
		var failed, bareFailed error
		wg.Go(func() { report.reads, failed = readPoints(running, s.addr(), s.ids[0]) })
		wg.Go(func() { report.bare, bareFailed = readPoints(running, bare.addr(), bare.ids[0]) })
		answers, err := a.run(ctx, s)
		end()
		wg.Wait()
		err = errors.Join(err, failed, bareFailed)
		if err != nil {
			return reports, fmt.Errorf("%s: %w", a.name, err)
		}
		report.answers = answers.counts
		report.after, report.settled = s.settle(ctx, idle)
		reports = append(reports, report)
		printAbuse(os.Stdout, reports[len(reports)-1:])
	}
	return reports, nil
}

// idle returns the resources of the processes once they do not fall any more for
// longer than it takes a quiet process to return memory.
func (s *abused) idle(ctx context.Context) []usage {
	const unchanged, longest = 25, 150 // seconds
	now := s.usages(ctx)
	for calm, waited := 0, 0; calm < unchanged && waited < longest; calm++ {
		if !sleep(ctx, time.Second) {
			break
		}
		waited++
		if next := s.usages(ctx); !allWithin(now, 1.01, next) {
			now, calm = next, 0
		}
	}
	return now
}

func (s *abused) usages(ctx context.Context) []usage {
	var all []usage
	for _, p := range s.processes {
		all = append(all, p.usage(ctx))
	}
	return all
}

// settle waits until the processes have returned to their idle figures.
func (s *abused) settle(ctx context.Context, idle []usage) (after []usage, took time.Duration) {
	for begun := time.Now(); ; {
		after = s.usages(ctx)
		took = time.Since(begun)
		if allWithin(after, mostLeft, idle) {
			return after, took
		}
		if took > s.settleFor || !sleep(ctx, time.Second) {
			return after, 0
		}
	}
}

// allWithin reports whether each process is within its idle figures.
func allWithin(all []usage, ratio float64, idle []usage) bool {
	for i := range all {
		if !all[i].within(ratio, idle[i]) {
			return false
		}
	}
	return true
}

// sleep returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func printAbuse(out io.Writer, reports []abuseReport) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nsystem\tabuse\tprocess\tMB idle\tpeak\tafter\tfiles idle\tpeak\tafter\tgoroutines idle\tpeak\tafter\tsettled s\treads\tfailed\tp50 ms\tp99 ms\tlimit's p99\thealth\t")
	for _, r := range reports {
		for i, name := range r.processes {
			idle, peak, after := r.idle[i], r.peak[i], r.after[i]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t", r.system, r.abuse, name,
				megabytes(idle.resident), megabytes(peak.resident), megabytes(after.resident),
				idle.descriptors, peak.descriptors, after.descriptors, idle.goroutines, peak.goroutines, after.goroutines)
			if i > 0 {
				fmt.Fprintln(w, "\t\t\t\t\t\t\t")
				continue
			}
			settled := "no"
			if r.settled > 0 {
				settled = fmt.Sprintf("%.0f", r.settled.Seconds())
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%d/%d\t\n", settled, len(r.reads.Times), r.reads.Failed,
				millis(r.reads.quantile(50)), millis(r.reads.quantile(99)), millis(r.bare.quantile(99)), r.reads.Ready, r.reads.Asked)
		}
	}
	_ = w.Flush()
	for _, r := range reports {
		fmt.Fprintf(out, "%s %s: answers %v", r.system, r.abuse, r.answers)
		for _, failure := range []string{r.reads.LastFailure, r.reads.LastWait} {
			if failure != "" {
				fmt.Fprintf(out, "; failed: %s", failure)
			}
		}
		fmt.Fprintln(out)
	}
}
