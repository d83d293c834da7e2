package gateway

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/format"
	"os"
	"slices"
	"strings"
	"testing"

	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/concha-labs/backend/pkg/caller"
	enforced "github.com/concha-labs/backend/services/gateway/internal/operations"
)

var update = flag.Bool("update", false, "write the generated list of operations anew")

// TestOperationsAreThoseOfTheContract compares the list that the gateway
// enforces with the contract's security.
func TestOperationsAreThoseOfTheContract(t *testing.T) {
	const file = "internal/operations/operations.gen.go"
	var source bytes.Buffer
	source.WriteString("// Code generated from openapi.yaml by \"make generate\"; DO NOT EDIT.\n\n" +
		"package operations\n\nimport \"github.com/concha-labs/backend/pkg/caller\"\n\n" +
		"// All are the operations, in the order of the contract.\nvar All = []Operation{\n")
	_, model := loadContract(t)
	for name, op := range operations(model) {
		method, path, _ := strings.Cut(name, " ")
		fmt.Fprintf(&source, "{ID: %q, Method: %q, Path: %q%s},\n", op.OperationId, method, path, alternatives(t, op))
	}
	source.WriteString("}\n")
	want, err := format.Source(source.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not that of openapi.yaml, %v: run \"make generate\"", file, err)
	}
}

// alternatives returns the scopes of an operation as Go source.
func alternatives(t *testing.T, op *v3.Operation) string {
	t.Helper()
	if op.Security == nil {
		t.Errorf("%s lacks a security member: say [] if it is open to everybody", op.OperationId)
	}
	var sets []string
	for _, requirement := range op.Security {
		var terms []string
		for scheme, scopes := range requirement.Requirements.FromOldest() {
			if scheme != "Bearer" {
				t.Errorf("%s: there is no scheme %q", op.OperationId, scheme)
			}
			for _, name := range scopes {
				if caller.ScopeOf(name) == 0 {
					t.Errorf("%s: there is no scope %q", op.OperationId, name)
				}
				kind, right, _ := strings.Cut(name, ":")
				terms = append(terms, "caller."+title(kind)+title(right))
			}
		}
		if set := cmp.Or(strings.Join(terms, "|"), "0"); !slices.Contains(sets, set) {
			sets = append(sets, set)
		}
	}
	if len(sets) == 0 {
		return ""
	}
	return ", Scopes: []caller.Scopes{" + strings.Join(sets, ", ") + "}"
}

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// TestScopesAreDocumented compares the table in docs/security.md with the
// operations.
func TestScopesAreDocumented(t *testing.T) {
	const file, begin, end = "../../docs/security.md", "<!-- operations -->\n", "<!-- end -->"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(content), begin)
	table, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("%s has no place for the table", file)
	}
	var want strings.Builder
	want.WriteString("| Operation | Scopes |\n|---|---|\n")
	for _, op := range enforced.All {
		var names []string
		for _, scopes := range op.Scopes {
			names = append(names, "`"+cmp.Or(scopes.String(), "any caller")+"`")
		}
		if len(names) > 0 {
			fmt.Fprintf(&want, "| `%s %s` | %s |\n", op.Method, op.Path, strings.Join(names, ", "))
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want.String() {
		t.Errorf("the table of %s is not that of openapi.yaml: run \"make generate\"", file)
	}
}
