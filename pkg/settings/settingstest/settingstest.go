// Package settingstest keeps the documentation of settings equal to the code.
package settingstest

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/settings"
)

var update = flag.Bool("update", false, "write the tables of settings anew")

// Documented checks that the table after the heading "## heading" of a Markdown
// file lists exactly the variables of cfg, a pointer to a config type. With the
// flag -update it writes the table instead.
func Documented(t *testing.T, file, heading string, cfg any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	_, section, ok := strings.Cut(text, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", file, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	begin := strings.Index(section, "| ")
	if begin < 0 {
		t.Fatalf("section %q of %s has no table", heading, file)
	}
	table := section[begin:]
	if end := strings.Index(table, "\n\n"); end >= 0 {
		table = table[:end+1]
	}
	want := settings.Markdown(cfg)
	if strings.TrimSpace(table) == strings.TrimSpace(want) {
		return
	}
	if !*update {
		t.Fatalf("section %q of %s differs from the code; run this test with -update. It should have:\n%s", heading, file, want)
	}
	text = strings.Replace(text, section, strings.Replace(section, strings.TrimSpace(table), strings.TrimSpace(want), 1), 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
