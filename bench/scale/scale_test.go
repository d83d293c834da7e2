package main

import (
	"flag"
	"math"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/scale.md")

var root = os.DirFS("../..")

// The simulation draws random writes, with each way of choosing session ids,
// against the indexes of today and those before. They write as many entries as the
// model says, and its hottest ranges are as hot.
func TestSimulation(t *testing.T) {
	for _, before := range []bool{false, true} {
		for _, op := range operations {
			s, err := load(root, op.service, before)
			if err != nil {
				t.Fatal(err)
			}
			modes, size := idModes, int64(32_000)
			if !strings.Contains(op.name, "created") {
				modes, size = modes[:1], 2_000 // only their entries are compared
			}
			if op.service != "audios" {
				modes = modes[:1]
			}
			for _, ids := range modes {
				drawn := simulate(s, op, ids, size)
				if c := s.cost(op.changes(newWorld(ids), 0)); drawn.entries != float64(c.rows+c.entries) {
					t.Errorf("%s: %v entries, the model says %d", op.name, drawn.entries, c.rows+c.entries)
				}
				if !strings.Contains(op.name, "created") {
					continue
				}
				for _, table := range s.tables {
					for _, i := range append([]*index{table.rows}, table.indexes...) {
						got, has := drawn.hottest[i.name]
						want := table.hottest(i, ids, strings.Contains(op.name, "with"))
						if has && math.Abs(math.Log(got/want)) > math.Log(1.5) {
							t.Errorf("%s, ids %s: %.4f of the entries of %s are in one range, the model says %.4f", op.name, ids, got, i.name, want)
						}
					}
				}
			}
		}
	}
}

// No index but the tables in the order of ids has a range that more than a
// sixteenth of the new sessions write to, however clients choose their ids.
func TestOnlyTablesGrowAtOneEnd(t *testing.T) {
	s, err := load(root, "audios", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, spot := range spotsOf(s) {
		for _, share := range spot.shares {
			if share > 1.0/16 && spot.name != "Audios, Documents" {
				t.Errorf("%s: %v", spot.name, spot.shares)
			}
		}
	}
}

// The document has the figures of the model with the default prices.
func TestDocument(t *testing.T) {
	const file, begin, end = "../../docs/scale.md", "<!-- make scale -->\n\n", "\n<!-- end -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	was, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no part between %q and %q", file, begin, end)
	}
	var p prices
	p.flags(flag.NewFlagSet("", flag.PanicOnError))
	var out strings.Builder
	if err := report(&out, root, p); err != nil {
		t.Fatal(err)
	}
	if out.String() == was {
		return
	}
	if !*update {
		t.Fatalf("%s differs; run go test ./bench/scale -update. The model says:\n%s", file, out.String())
	}
	if err := os.WriteFile(file, []byte(head+begin+out.String()+end+tail), 0o600); err != nil {
		t.Fatal(err)
	}
}
