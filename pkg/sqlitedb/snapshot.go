package sqlitedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
)

// Snapshot is the state of several databases at one moment. Other processes may
// read and write the databases meanwhile, but their write-ahead logs grow until
// Close. It is not safe for concurrent use.
type Snapshot struct {
	paths []string
	dbs   []*sql.DB
	views []*sql.Conn // each in a transaction that has begun to read
}

// TakeSnapshot opens the databases at the paths read-only. It neither migrates
// them nor holds their locks. Errors:
//   - an error that wraps fs.ErrNotExist: a database is missing.
//   - the error of ctx: it ended first.
//   - a fault.Unavailable: a database is damaged or cannot be read.
func TakeSnapshot(ctx context.Context, paths ...string) (*Snapshot, error) {
	s := &Snapshot{paths: paths}
	if err := s.take(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("take snapshot: %w", Translate(err)), s.Close())
	}
	return s, nil
}

func (s *Snapshot) take(ctx context.Context) error {
	var watches []*sql.Conn
	defer func() {
		for _, watch := range watches {
			_ = watch.Close()
		}
	}()
	for _, path := range s.paths {
		if _, err := os.Stat(path); err != nil {
			return err
		}
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path)}).String()+"?mode=ro&_pragma="+patience)
		if err != nil {
			return err
		}
		s.dbs = append(s.dbs, db)
		for _, conns := range []*[]*sql.Conn{&s.views, &watches} {
			conn, err := db.Conn(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			*conns = append(*conns, conn)
		}
	}
	// The views begin one after another. They show one moment if no database
	// has changed between the first and the last.
	for {
		before, err := s.versions(ctx, watches)
		if err != nil {
			return err
		}
		if err := s.exec(ctx, "BEGIN; SELECT 1 FROM sqlite_schema"); err != nil {
			return err
		}
		after, err := s.versions(ctx, watches)
		if err != nil || before == after {
			return err
		}
		if err := s.exec(ctx, "ROLLBACK"); err != nil {
			return err
		}
		select {
		case <-time.After(rand.N(5 * time.Millisecond)): //nolint:gosec // spreads attempts between commits, guards nothing
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// versions returns a text that differs after each commit to one of the
// databases.
func (s *Snapshot) versions(ctx context.Context, conns []*sql.Conn) (text string, err error) {
	for i, conn := range conns {
		var version int64
		if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
			return "", fmt.Errorf("%s: %w", s.paths[i], err)
		}
		text += fmt.Sprint(version, " ")
	}
	return text, nil
}

// exec runs the statements in every view.
func (s *Snapshot) exec(ctx context.Context, statements string) error {
	for i, view := range s.views {
		if _, err := view.ExecContext(ctx, statements); err != nil {
			return fmt.Errorf("%s: %w", s.paths[i], err)
		}
	}
	return nil
}

// Query reads from the database with that position among the paths.
func (s *Snapshot) Query(ctx context.Context, database int, query string, args ...any) (*sql.Rows, error) {
	rows, err := s.views[database].QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.paths[database], Translate(err))
	}
	return rows, nil
}

// copyPages is how many pages are copied before ctx is checked again.
const copyPages = 2000

// Copy writes the database with that position among the paths to a new file,
// checks that it is sound, and syncs it. The file needs no write-ahead log.
// Errors: those of TakeSnapshot; the disk is full.
func (s *Snapshot) Copy(ctx context.Context, database int, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copy database: %w", err)
	}
	err = s.views[database].Raw(func(conn any) error { return copyDatabase(ctx, conn, path) })
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copy database %s to %s: %w", s.paths[database], path, Translate(err))
	}
	return nil
}

func copyDatabase(ctx context.Context, from any, path string) error {
	backup, err := from.(interface {
		NewBackup(path string) (*sqlite.Backup, error)
	}).NewBackup((&url.URL{Scheme: "file", Opaque: url.PathEscape(path)}).String())
	if err != nil {
		return err
	}
	for more := true; more; {
		if more, err = backup.Step(copyPages); err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return errors.Join(err, backup.Finish())
		}
	}
	conn, err := backup.Commit()
	if err != nil {
		return err
	}
	_, err = conn.(driver.ExecerContext).ExecContext(ctx, "PRAGMA journal_mode = DELETE", nil)
	return errors.Join(err, inspect(ctx, conn), conn.Close())
}

// inspect returns an error unless the database is sound.
func inspect(ctx context.Context, conn driver.Conn) error {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "PRAGMA quick_check(1)", nil)
	if err != nil {
		return err
	}
	result := make([]driver.Value, 1)
	if err := errors.Join(rows.Next(result), rows.Close()); err != nil {
		return err
	}
	if result[0] != "ok" {
		return errCorrupt.Wrap(fmt.Errorf("quick_check: %v", result[0]))
	}
	return nil
}

// Close ends the snapshot.
func (s *Snapshot) Close() error {
	var errs []error
	for _, view := range s.views {
		errs = append(errs, view.Close())
	}
	for _, db := range s.dbs {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}
