package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func lines(t *testing.T, events ...event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		e.Package = module + "pkg/x"
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

func TestReport(t *testing.T) {
	ok := []event{
		{Action: "output", Test: "TestSuite/one", Output: "=== RUN one\n"},
		{Action: "output", Test: "TestSuite/one", Output: "chatter\n"},
		{Action: "pass", Test: "TestSuite/one"},
		{Action: "pass", Test: "TestSuite/two/a"},
		{Action: "pass", Test: "TestSuite/two/b"},
		{Action: "pass", Test: "TestSuite/two"},
		{Action: "pass", Test: "TestSuite"},
		{Action: "pass", Test: "TestAlone"},
	}
	end := []event{{Action: "output", Output: "PASS\n"}, {Action: "output", Output: "ok  \tpkg/x\t1s\n"}, {Action: "pass"}}
	failed := []event{{Action: "output", Output: "FAIL\tpkg/x\t1s\n"}, {Action: "fail"}}
	for name, test := range map[string]struct {
		events  []event
		prints  []string
		verbose bool
		wrong   string // the error
		silence string // not printed
	}{
		"passed": {
			events: append(ok, end...), silence: "chatter",
			prints: []string{"ok  \tpkg/x\t1s\n", "TestSuite       pkg/x    3 ", "(single tests)  pkg/x    1 ", "4 passed, 0 failed, 0 skipped\n"},
		},
		"verbose": {events: append(ok, end...), verbose: true, prints: []string{"chatter\n"}, silence: "=== RUN"},
		"failed": {
			events: append([]event{
				{Action: "output", Test: "TestSuite/one", Output: "one is wrong\n"},
				{Action: "fail", Test: "TestSuite/one"},
				{Action: "pass", Test: "TestSuite/two"},
				{Action: "fail", Test: "TestSuite"},
			}, failed...),
			prints: []string{"one is wrong\n", "FAIL\tpkg/x", "1 passed, 1 failed, 0 skipped\n"}, wrong: "not all tests passed",
		},
		"panic": {
			events: append([]event{{Action: "output", Test: "TestAlone", Output: "panic: oh\n"}}, failed...),
			prints: []string{"panic: oh\n"}, wrong: "not all tests passed",
		},
		"skipped": {
			events: append([]event{{Action: "output", Test: "TestNone", Output: "no emulator\n"}, {Action: "skip", Test: "TestNone"}}, append(ok, end...)...),
			prints: []string{"no emulator\n", "4 passed, 0 failed, 1 skipped\n"}, wrong: "a skipped test is a failure here",
		},
		"no tests": {events: end, wrong: "pkg/x has no tests"},
		"nothing":  {wrong: "no test ran"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			r.verbose = test.verbose
			if err := r.read(strings.NewReader(lines(t, test.events...)), "a pass"); err != nil {
				t.Fatal(err)
			}
			err := r.close()
			if (err != nil) != (test.wrong != "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("close: %v, want %q", err, test.wrong)
			}
			for _, want := range test.prints {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in:\n%s", want, &out)
				}
			}
			if test.silence != "" && strings.Contains(out.String(), test.silence) {
				t.Errorf("%q is in:\n%s", test.silence, &out)
			}
		})
	}
}
