//go:build cloud

package spannerstore

import (
	"testing"

	"github.com/concha-labs/backend/pkg/list/listtest"
	"github.com/concha-labs/backend/pkg/list/spannerlist/spannerlisttest"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

func TestEveryListIsServedByAnIndex(t *testing.T) {
	_, db := open(t)
	spannerlisttest.Run(t, db, audios, listtest.Queries[app.Query](t, app.Range{Min: 3, Max: 3}, app.Range{Min: 3, Max: 4}, []int64{3, 4}))
}
