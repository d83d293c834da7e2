// Package sqlitediscards keeps the names of discarded objects in SQLite.
package sqlitediscards

import (
	"context"

	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// Discards is an objects.Discards on a table of a database.
type Discards struct {
	db               *sqlitedb.DB
	add, get, forget string // statements
}

var _ objects.Discards = (*Discards)(nil)

// New returns the discards in a table with the columns key, the id of a resource,
// and object.
func New(db *sqlitedb.DB, table, key string) *Discards {
	return &Discards{
		db:     db,
		add:    `INSERT INTO ` + table + ` (` + key + `, object) VALUES (?, ?)`,
		get:    `SELECT object FROM ` + table + ` WHERE ` + key + ` = ?`,
		forget: `DELETE FROM ` + table + ` WHERE ` + key + ` = ? AND object = ?`,
	}
}

// Add records the object of a resource as discarded.
func (d *Discards) Add(tx *sqlitedb.Tx, id int64, object string) error {
	_, err := tx.Exec(d.add, id, object)
	return err
}

// Discarded implements objects.Discards.
func (d *Discards) Discarded(ctx context.Context, id int64) ([]string, error) {
	rows, err := d.db.Query(ctx, d.get, id)
	if err != nil {
		return nil, sqlitedb.Translate(err)
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, sqlitedb.Translate(err)
		}
		names = append(names, name)
	}
	return names, sqlitedb.Translate(rows.Err())
}

// ForgetDiscarded implements objects.Discards.
func (d *Discards) ForgetDiscarded(ctx context.Context, id int64, names []string) error {
	return sqlitedb.Translate(d.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		for _, name := range names {
			if _, err := tx.Exec(d.forget, id, name); err != nil {
				return err
			}
		}
		return nil
	}))
}
