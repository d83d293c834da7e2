package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

const createMigrations = `CREATE TABLE IF NOT EXISTS schema_migrations (
	component  TEXT    NOT NULL,
	file       TEXT    NOT NULL,
	applied_at INTEGER NOT NULL DEFAULT (unixepoch()),
	PRIMARY KEY (component, file)
) STRICT, WITHOUT ROWID`

// migrate applies the files that were not applied before, all in one transaction
// with their records. A database that cannot be migrated stays as it was.
// Concurrent processes take turns.
func migrate(ctx context.Context, db *sql.DB, all []Migrations) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if _, err := conn.ExecContext(ctx, createMigrations); err != nil {
		return err
	}
	for _, m := range all {
		files, err := fs.Glob(m.Files, "migrations/*.sql")
		if err != nil {
			return err
		}
		slices.Sort(files)
		for _, file := range files {
			if err := apply(ctx, conn, m, file); err != nil {
				return fmt.Errorf("%s %s: %w", m.Component, path.Base(file), err)
			}
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

func apply(ctx context.Context, conn *sql.Conn, m Migrations, file string) error {
	name := path.Base(file)
	var ran bool
	if err := conn.QueryRowContext(ctx,
		"SELECT EXISTS (SELECT 1 FROM schema_migrations WHERE component = ? AND file = ?)", m.Component, name).Scan(&ran); err != nil || ran {
		return err
	}
	ddl, err := fs.ReadFile(m.Files, file)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, string(ddl)); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "INSERT INTO schema_migrations (component, file) VALUES (?, ?)", m.Component, name)
	return err
}
