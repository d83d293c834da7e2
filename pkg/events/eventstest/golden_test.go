package eventstest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGoldenMessages(t *testing.T) {
	for _, e := range Events() {
		t.Run(e.Type, func(t *testing.T) {
			var b bytes.Buffer
			encoder := json.NewEncoder(&b)
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(Message{e.Subject, e.Attributes(Origin), e.Data}); err != nil {
				t.Fatal(err)
			}
			got := b.Bytes()
			if *update {
				if err := os.WriteFile(goldenFile(e.Type), got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := golden.ReadFile(goldenFile(e.Type))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("a published contract has changed (-golden +now):\n%s", diff)
			}
		})
	}
}
