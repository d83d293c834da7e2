package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// module is the prefix of all packages, which a reader need not see.
const module = "github.com/concha-labs/backend/"

// event is a line of "go test -json".
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// report collects results. It prints failures, and the closing line of each
// package, as they become known.
type report struct {
	out   io.Writer
	rows  map[row]int // passed cases
	count struct{ passed, failed, skipped int }
	empty []string // packages without tests
	wrong bool
	// verbose has all that tests write printed at once.
	verbose bool

	output map[[2]string]*strings.Builder // of packages (Test is "") and of tests that have not ended
	tests  map[[2]string]bool             // that have ended, and whether they have subtests
}

// row is a line of the table.
type row struct{ suite, adapter, pass string }

func newReport(out io.Writer) *report {
	return &report{out: out, rows: map[row]int{}}
}

// read takes in the events of one pass.
func (r *report) read(events io.Reader, pass string) error {
	r.output, r.tests = map[[2]string]*strings.Builder{}, map[[2]string]bool{}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(r.out, "%s", line) // of the go command itself
			} else {
				r.add(&e, pass)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the output of go test: %w", err)
		}
	}
}

func (r *report) add(e *event, pass string) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.wrong = true
	case "output":
		if r.verbose {
			r.print(e.Output)
			return
		}
		if r.output[key] == nil {
			r.output[key] = new(strings.Builder)
		}
		r.output[key].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageEnded(e, pass)
		} else {
			r.testEnded(e, pass)
		}
	}
}

func (r *report) testEnded(e *event, pass string) {
	key := [2]string{e.Package, e.Test}
	parent, _, nested := cutLast(e.Test, "/")
	if nested { // it ends after its subtests
		r.tests[[2]string{e.Package, parent}] = true
	}
	if e.Action != "pass" {
		r.wrong = true
	}
	if e.Action != "pass" {
		r.flush(key)
	}
	delete(r.output, key)
	if r.tests[key] {
		return
	}
	switch e.Action {
	case "fail":
		r.count.failed++
	case "skip":
		r.count.skipped++
	default:
		r.count.passed++
		suite, _, isCase := strings.Cut(e.Test, "/")
		if !isCase {
			suite = "(single tests)"
		}
		r.rows[row{suite, strings.TrimPrefix(e.Package, module), pass}]++
	}
}

// packageEnded prints the output of tests that have not ended, as after a
// panic, and the output of the package.
func (r *report) packageEnded(e *event, pass string) {
	if e.Action == "fail" {
		r.wrong = true
		for key := range maps.Keys(r.output) {
			if key[0] == e.Package && key[1] != "" {
				r.flush(key)
				delete(r.output, key)
			}
		}
	}
	r.flush([2]string{e.Package, ""})
	adapter := strings.TrimPrefix(e.Package, module)
	ran := func(row row) bool { return row.adapter == adapter && row.pass == pass }
	if e.Action != "fail" && !slices.ContainsFunc(slices.Collect(maps.Keys(r.rows)), ran) {
		r.empty = append(r.empty, adapter)
	}
}

// flush prints the output of a test or package.
func (r *report) flush(key [2]string) {
	if r.output[key] != nil {
		r.print(r.output[key].String())
	}
}

// print prints text without the lines that only report running tests.
func (r *report) print(text string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "=== ") && line != "PASS\n" && line != "FAIL\n" {
			fmt.Fprint(r.out, line)
		}
	}
}

func (r *report) failed() bool { return r.wrong }

// close prints the table and returns an error unless all went well.
func (r *report) close() error {
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\nSUITE\tADAPTER\tCASES\tPART OF\n")
	for _, row := range slices.SortedFunc(maps.Keys(r.rows), func(a, b row) int {
		return cmp.Or(strings.Compare(a.pass, b.pass), strings.Compare(a.adapter, b.adapter), strings.Compare(a.suite, b.suite))
	}) {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", row.suite, row.adapter, r.rows[row], row.pass)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.count.passed, r.count.failed, r.count.skipped)
	var errs []error
	if r.wrong && r.count.skipped > 0 {
		errs = append(errs, errors.New("a skipped test is a failure here"))
	}
	if r.wrong {
		errs = append(errs, errors.New("not all tests passed"))
	}
	for _, adapter := range r.empty {
		errs = append(errs, fmt.Errorf("%s has no tests", adapter))
	}
	if len(r.rows) == 0 {
		errs = append(errs, errors.New("no test ran"))
	}
	return errors.Join(errs...)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
