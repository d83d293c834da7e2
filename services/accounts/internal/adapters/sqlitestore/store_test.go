package sqlitestore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/idempotency/sqlitekeys"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/accounts/internal/app/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "accounts.db"), sqlitelog.Migrations(), sqlitekeys.Migrations(), sqlitestore.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	log := sqlitelog.New(db, time.Now)
	store := sqlitestore.New(db, log, sqlitekeys.New(db, time.Now))
	storetest.Run(t, storetest.Backend{Database: store, Log: log})
}
