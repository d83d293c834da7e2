// Package sqlstate keeps the state of an events.Consumer in the consumer's own
// database. The effect of a change and its version are committed in one
// transaction, so each change takes effect exactly once. The SQL works on
// SQLite 3.35 or later and on PostgreSQL.
package sqlstate

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/concha-labs/backend/pkg/events"
)

// Schema creates the table of a State if it is missing.
const Schema = `CREATE TABLE IF NOT EXISTS event_versions (
	consumer TEXT NOT NULL,
	subject TEXT NOT NULL,
	version BIGINT NOT NULL,
	PRIMARY KEY (consumer, subject)
)`

// State keeps the last versions in the table that Schema creates.
type State struct {
	db       *sql.DB
	consumer string
}

var _ events.State[*sql.Tx] = (*State)(nil)

// New returns the state of the named consumer. Different consumers can share a
// database.
func New(db *sql.DB, consumer string) *State {
	return &State{db: db, consumer: consumer}
}

// Update implements events.State. handle must not end tx. If the database is
// locked or cannot serialize concurrent transactions, Update fails, and the
// event has to be delivered again.
func (s *State) Update(ctx context.Context, subject string, handle func(tx *sql.Tx, last int64) (int64, error)) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer tx.Rollback()
	// This write locks the row, or in SQLite the database, so that no other
	// process handles the same subject meanwhile.
	var last int64
	err = tx.QueryRowContext(ctx, `INSERT INTO event_versions (consumer, subject, version) VALUES ($1, $2, 0)
		ON CONFLICT (consumer, subject) DO UPDATE SET version = event_versions.version RETURNING version`,
		s.consumer, subject).Scan(&last)
	if err != nil {
		return fmt.Errorf("read the last version of %s: %w", subject, err)
	}
	version, err := handle(tx, last)
	if err != nil || version == last {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE event_versions SET version = $1 WHERE consumer = $2 AND subject = $3`,
		version, s.consumer, subject)
	if err != nil {
		return fmt.Errorf("save the last version of %s: %w", subject, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit version %d of %s: %w", version, subject, err)
	}
	return nil
}
