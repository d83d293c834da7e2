//go:build cloud

package spannerstore

import (
	"testing"

	"github.com/concha-labs/backend/pkg/list/listtest"
	"github.com/concha-labs/backend/pkg/list/spannerlist/spannerlisttest"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func TestEveryListIsServedByAnIndex(t *testing.T) {
	_, db := open(t)
	spannerlisttest.Run(t, db, accounts, listtest.Queries[app.Query](t, "x", domain.Email("x@y"), []int64{1, 2}))
}
