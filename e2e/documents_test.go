package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// block is a shell block of a document, and the answer shown after it, if any.
var block = regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:\n```http\n(HTTP/1\\.1 .*?)$)?") //nolint:gocritic // with (?m), ^ is the start of each line

// The shell blocks of README.md and docs/api.md work one after the other, in
// one data folder. A request whose answer is not shown has to succeed. Blocks
// of make targets are left out: they start the system and run this test.
func TestDocumentsAreTrue(t *testing.T) {
	p := startProgram(t, t.TempDir())
	for _, document := range []string{"README.md", "docs/api.md"} {
		script := "set -eu\ncurl() { command curl -sS --max-time 30 $strict \"$@\"; }\n"
		var shown []string
		for _, found := range block.FindAllStringSubmatch(read(t, document), -1) {
			commands, status := found[1], found[2]
			if strings.HasPrefix(commands, "make ") {
				continue
			}
			strict := "--fail-with-body"
			if status != "" {
				strict = ""
				shown = append(shown, status)
			}
			script += "strict=" + strict + "\n" + commands
		}
		if len(shown) == 0 {
			t.Errorf("%s shows no answer", document)
		}
		script = strings.ReplaceAll(script, "http://localhost:8080", p.url)
		shell := exec.CommandContext(t.Context(), "sh", "-c", script)
		shell.Dir = ".."
		output, err := shell.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s\n%s", document, err, output, script)
		}
		rest := string(output)
		for _, status := range shown {
			_, after, ok := strings.Cut(rest, status)
			if !ok {
				t.Fatalf("%s shows the answer %q, which is not in the rest of the output: %s", document, status, rest)
			}
			rest = after
		}
	}
}
