//go:build cloud

package spannercustody_test

import (
	"testing"

	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/custody/custodytest"
	"github.com/concha-labs/backend/pkg/custody/spannercustody"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

func TestConformance(t *testing.T) {
	schema := []spannerdb.Migrations{spannercustody.Migrations()}
	custodytest.Run(t, custodytest.Backend{
		Database: func(t *testing.T) custody.Database {
			return spannercustody.New(spannerdbtest.Open(t, spannerdbtest.New(t, schema...), schema))
		},
		Objects: func(t *testing.T) custodytest.Objects {
			s, err := fileblob.New(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	})
}
