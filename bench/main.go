// Command bench measures the all-in-one program under load and, in the same run
// and with the same load generator, the limit: a bare net/http handler on the
// same kind of database. It also measures the gateway as a process beside a
// bare reverse proxy, how that refuses wrong keys, the time from a commit to its
// event at a subscriber, batches, and exports of a large table.
//
// Read its output as ratios: the absolute figures depend on the machine, which
// the generator shares.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// options are the command-line options.
type options struct {
	load     load
	rounds   int
	only     *regexp.Regexp
	profiles profiles
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 { // the programs to compare with
		switch port := os.Getenv("PORT"); args[0] {
		case "limit":
			return serveLimit(ctx, port, os.Getenv("CONCHA_DATA_DIR"))
		case "service":
			return serveAnswer(ctx, port)
		case "httputil":
			return serveProxy(ctx, port, os.Getenv(upstreamEnv))
		case "points":
			return servePoints(ctx, args[1], args[2])
		}
	}
	dir, err := os.MkdirTemp("", "concha-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if len(args) > 0 && args[0] == "abuse" {
		return measureAbuse(ctx, args[1:], dir)
	}
	opts, err := parse(args)
	if err != nil {
		return err
	}
	return measure(ctx, opts, dir)
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	seconds := flags.Float64("seconds", 5, "length of each measurement, after a warm-up of 1 s")
	rounds := flags.Int("rounds", 3, "measurements of each operation; medians are printed")
	conns := flags.Int("conns", 64, "keep-alive connections, each with one request under way")
	only := flags.String("only", "", "measure only the operations whose name matches this regular expression")
	profileDir := flags.String("profile", "", "write a CPU profile of the all-in-one program during each operation to this `folder`")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		return options{}, err
	}
	if *seconds <= 0 || *rounds < 1 || *conns < 1 || flags.NArg() > 0 {
		return options{}, errors.New("-seconds, -rounds and -conns must be positive, and nothing may follow them")
	}
	length := time.Duration(*seconds * float64(time.Second))
	return options{load: load{conns: *conns, warmUp: time.Second, length: length}, rounds: *rounds, only: match, profiles: profiles{dir: *profileDir}}, nil
}

// section is a measurement of the product alone.
type section struct {
	name    string
	measure func(ctx context.Context, opts options, product program, dir string) error
}

// measure runs everything and prints it.
func measure(ctx context.Context, opts options, dir string) error {
	fmt.Printf("%d CPUs, %s %s/%s; %d connections from the same machine, %d rounds of %s each\n",
		runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, opts.load.conns, opts.rounds, opts.load.length)
	if opts.only.MatchString(proxied.name) || opts.only.MatchString(wrongKeys) {
		if err := measureGateway(ctx, opts, dir); err != nil {
			return err
		}
	}
	sections := []section{{followed, measureEvents}, {batched, measureBatches}, {exported, measureExport}}
	sections = slices.DeleteFunc(sections, func(s section) bool { return !opts.only.MatchString(s.name) })
	others := slices.ContainsFunc(operations, func(op operation) bool { return opts.only.MatchString(op.name) })
	if len(sections) == 0 && !others {
		return nil
	}
	bins, err := build(ctx, dir)
	if err != nil {
		return err
	}
	for _, section := range sections {
		if err := section.measure(ctx, opts, bins[0], dir); err != nil {
			return fmt.Errorf("%s: %w", section.name, err)
		}
	}
	if !others {
		return nil
	}
	return measureOperations(ctx, opts, bins, dir)
}

// measureOperations measures the product beside the limit.
func measureOperations(ctx context.Context, opts options, bins [2]program, dir string) (err error) {
	var sides [2]side
	defer func() {
		for i := range sides {
			sides[i].stop()
		}
	}()
	if err := opts.profiles.prepare(ctx, &bins[0]); err != nil {
		return err
	}
	for i, b := range bins {
		if sides[i], err = newSide(ctx, b, filepath.Join(dir, b.name)); err != nil {
			return err
		}
	}
	var rows []row
	for _, op := range operations {
		if !opts.only.MatchString(op.name) {
			continue
		}
		r, err := compare(ctx, opts, op, &sides[0], &sides[1])
		if err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
		rows = append(rows, r)
	}
	for i := range sides {
		if err := sides[i].finish(ctx); err != nil {
			return err
		}
	}
	printRows(os.Stdout, rows)
	printSides(os.Stdout, sides[:])
	return nil
}

// compare measures an operation of the product and of the limit in turns, so
// that the speed of the machine affects both alike.
func compare(ctx context.Context, opts options, op operation, product, limit *side) (row, error) {
	r := row{operation: op}
	for round := range opts.rounds {
		fmt.Printf("%-12s round %d of %d:", op.name, round+1, opts.rounds)
		profiled := opts.profiles.during(ctx, op.name, opts.load)
		got, err := opts.load.run(ctx, product, op.next)
		if err = errors.Join(err, profiled()); err != nil {
			fmt.Println()
			return row{}, err
		}
		fmt.Printf("  product %6.0f/s", got.perSecond)
		r.product = append(r.product, got)
		if op.limit != nil {
			if got, err = opts.load.run(ctx, limit, op.limit); err != nil {
				fmt.Println()
				return row{}, fmt.Errorf("limit: %w", err)
			}
			fmt.Printf("  limit %6.0f/s", got.perSecond)
			r.limit = append(r.limit, got)
		}
		fmt.Println()
	}
	return r, nil
}
