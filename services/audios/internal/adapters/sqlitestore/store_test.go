package sqlitestore_test

import (
	"testing"

	"github.com/concha-labs/backend/pkg/backend/embedded/embeddedtest"
	"github.com/concha-labs/backend/services/audios/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/audios/internal/app/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	o := embeddedtest.Open(t, sqlitestore.Migrations())
	storetest.Run(t, storetest.Backend{Database: sqlitestore.New(o.DB, o.Log, o.Keys), Log: o.Log})
}
