package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/spanner"
	database "cloud.google.com/go/spanner/admin/database/apiv1"
	"cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"github.com/cloudspannerecosystem/memefish"
	"github.com/cloudspannerecosystem/memefish/token"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concha-labs/backend/pkg/fault"
)

// MigrationsTable records when each migration was applied to the database. Its
// columns are Component, File and AppliedAt.
const MigrationsTable = "SchemaMigrations"

const createMigrations = `CREATE TABLE IF NOT EXISTS ` + MigrationsTable + ` (
	Component STRING(MAX) NOT NULL,
	File      STRING(MAX) NOT NULL,
	AppliedAt TIMESTAMP   NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Component, File)`

// ErrSchemaBehind means that the database lacks a migration.
var ErrSchemaBehind = fault.New(fault.Unavailable, "schema-behind", "the schema is behind: run the migrate command")

// migration is one file of Migrations.
type migration struct{ component, file string }

func (m migration) String() string { return m.component + "/" + m.file }

// all yields every migration with its SQL, in the order of application.
// Files outside of migrations are named with their folder.
func all(sets []Migrations, folder string) iter.Seq2[migration, func() (string, error)] {
	return func(yield func(migration, func() (string, error)) bool) {
		for _, set := range sets {
			files, err := fs.Glob(set.Files, folder+"/*.sql")
			if err != nil {
				panic(err) // the pattern is well-formed
			}
			slices.Sort(files)
			for _, file := range files {
				read := func() (string, error) {
					ddl, err := fs.ReadFile(set.Files, file)
					return string(ddl), err
				}
				if !yield(migration{set.Component, strings.TrimPrefix(file, "migrations/")}, read) {
					return
				}
			}
		}
	}
}

// Check reports whether the database can be read and its schema is up to date.
// It takes at most two seconds. Errors: ErrSchemaBehind, fault.Unavailable.
func (db *DB) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	applied, err := db.applied(ctx)
	if err != nil {
		return fmt.Errorf("read the applied migrations: %w", err)
	}
	for m := range all(db.migrations, "migrations") {
		if !applied[m] {
			return ErrSchemaBehind.Detailf("the schema is behind: %s has not been applied; run the migrate command", m)
		}
	}
	return nil
}

// explain distinguishes a statement that needs a newer schema from one that is
// wrong. Spanner reports both alike.
func (db *DB) explain(ctx context.Context, err error) error {
	if status.Code(err) != codes.InvalidArgument {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	if behind := db.Check(ctx); errors.Is(behind, ErrSchemaBehind) {
		return ErrUnavailable.Wrap(fmt.Errorf("%w: %w", behind, err))
	}
	return err
}

// applied returns the migrations that were applied to the database.
func (db *DB) applied(ctx context.Context) (map[migration]bool, error) {
	has := map[migration]bool{}
	err := db.read(tagged(ctx), spanner.StrongRead(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		return tx.Read(ctx, MigrationsTable, spanner.AllKeys(), []string{"Component", "File"}).Do(func(r *spanner.Row) error {
			var m migration
			if err := r.Columns(&m.component, &m.file); err != nil {
				return err
			}
			has[m] = true
			return nil
		})
	})
	if status.Code(err) == codes.NotFound && strings.Contains(err.Error(), MigrationsTable) {
		return nil, nil
	}
	return has, err
}

// Migrate migrates the database to the newest schema and writes a line to
// progress for each migration. It is idempotent, can be repeated after a
// failure, and may run in several processes at once. A database that is new does
// not get the indexes that Retire drops.
func (db *DB) Migrate(ctx context.Context, progress io.Writer) error {
	return db.run(ctx, "migrations", progress)
}

// Retire drops the indexes that only earlier releases use: a replica of such a
// release fails to list afterwards. Retire is like Migrate otherwise.
func (db *DB) Retire(ctx context.Context, progress io.Writer) error {
	return db.run(ctx, "retired", progress)
}

// run applies the files of a folder.
func (db *DB) run(ctx context.Context, folder string, progress io.Writer) error {
	admin, err := database.NewDatabaseAdminClient(ctx, db.options...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = admin.Close() }()
	for m, read := range all(db.migrations, folder) {
		statements, err := statements(m, read)
		if err != nil {
			return fmt.Errorf("migrate %s: %w", m, err)
		}
		if err := db.migrate(ctx, admin, m, statements, progress); err != nil {
			return fmt.Errorf("migrate %s: %w", m, err)
		}
	}
	return nil
}

// statements returns the statements of a migration.
func statements(m migration, read func() (string, error)) ([]string, error) {
	ddl, err := read()
	if err != nil {
		return nil, err
	}
	return split(m.String(), ddl)
}

// split returns the statements of a file without comments, which Spanner does
// not accept in DDL.
func split(name, ddl string) (statements []string, err error) {
	lexer := memefish.Lexer{File: &token.File{FilePath: name, Buffer: ddl}}
	var b strings.Builder
	for {
		if err := lexer.NextToken(); err != nil {
			return nil, err
		}
		switch lexer.Token.Kind {
		case ";", token.TokenEOF:
			if b.Len() > 0 {
				statements = append(statements, b.String())
				b.Reset()
			}
			if lexer.Token.Kind == token.TokenEOF {
				return statements, nil
			}
		default:
			if b.Len() > 0 && (lexer.Token.Space != "" || len(lexer.Token.Comments) > 0) {
				b.WriteByte(' ')
			}
			b.WriteString(lexer.Token.Raw)
		}
	}
}

// migrate applies one migration unless it was applied before. Spanner refuses a
// schema change while another one is under way, so migrate retries for some
// time.
func (db *DB) migrate(ctx context.Context, admin *database.DatabaseAdminClient, m migration, statements []string, progress io.Writer) error {
	for pause := 250 * time.Millisecond; ; pause *= 2 {
		applied, err := db.applied(ctx)
		if err == nil && applied[m] {
			fmt.Fprintf(progress, "%s: in place\n", m)
			return nil
		}
		if err == nil {
			err = db.apply(ctx, admin, m, statements, applied)
		}
		if err == nil {
			fmt.Fprintf(progress, "%s: applied\n", m)
			return nil
		}
		switch codeOf(err) {
		case codes.Aborted, codes.FailedPrecondition, codes.Unavailable, codes.AlreadyExists:
		default:
			return err
		}
		if pause > 4*time.Second {
			return err
		}
		fmt.Fprintf(progress, "%s: trying again in %v: %v\n", m, pause, err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// apply applies one migration. The first one of a database records that all
// indexes are retired.
func (db *DB) apply(ctx context.Context, admin *database.DatabaseAdminClient, m migration, statements []string, applied map[migration]bool) error {
	if applied == nil {
		statements = append([]string{createMigrations}, statements...)
	}
	retired := map[migration]bool{}
	for r := range all(db.migrations, "retired") {
		if applied[r] || len(applied) == 0 {
			retired[r] = true
		}
	}
	statements, err := db.missing(ctx, statements, retired)
	if err != nil {
		return err
	}
	if err := db.update(ctx, admin, statements); err != nil {
		return err
	}
	recorded := []migration{m}
	if len(applied) == 0 {
		recorded = slices.AppendSeq(recorded, maps.Keys(retired))
	}
	var rows []*spanner.Mutation
	for _, m := range recorded {
		rows = append(rows, spanner.InsertOrUpdate(MigrationsTable,
			[]string{"Component", "File", "AppliedAt"}, []any{m.component, m.file, spanner.CommitTimestamp}))
	}
	return db.ReadWrite(ctx, func(_ context.Context, tx *Tx) error { return tx.BufferWrite(rows) })
}

var (
	// addStored is the only statement of migrations that has no IF NOT EXISTS.
	addStored = regexp.MustCompile(`^ALTER INDEX (\w+) ADD STORED COLUMN (\w+)$`)
	makeIndex = regexp.MustCompile(`^CREATE (?:UNIQUE |NULL_FILTERED )*INDEX IF NOT EXISTS (\w+) ON |^ALTER INDEX (\w+) `)
	dropIndex = regexp.MustCompile(`^DROP INDEX IF EXISTS (\w+)$`)
)

// missing returns statements without those that make or change indexes that
// retired drops, and those that add columns to indexes that have them.
func (db *DB) missing(ctx context.Context, sql []string, retired map[migration]bool) (missing []string, err error) {
	dropped, err := db.dropped(retired)
	if err != nil {
		return nil, err
	}
	var has map[[2]string]bool // the columns of indexes, once they are needed
	for _, statement := range sql {
		if index := makeIndex.FindStringSubmatch(statement); len(index) > 0 && dropped[index[1]+index[2]] {
			continue
		}
		add := addStored.FindStringSubmatch(statement)
		if len(add) > 0 && has == nil {
			if has, err = db.storedColumns(ctx); err != nil {
				return nil, err
			}
		}
		if len(add) == 0 || !has[[2]string{add[1], add[2]}] {
			missing = append(missing, statement)
		}
	}
	return missing, nil
}

// dropped returns the names of the indexes that files of the folder retired drop.
func (db *DB) dropped(retired map[migration]bool) (map[string]bool, error) {
	names := map[string]bool{}
	for m, read := range all(db.migrations, "retired") {
		if !retired[m] {
			continue
		}
		drops, err := statements(m, read)
		if err != nil {
			return nil, err
		}
		for _, statement := range drops {
			drop := dropIndex.FindStringSubmatch(statement)
			if drop == nil {
				return nil, fmt.Errorf("%s does not only drop indexes: %s", m, statement)
			}
			names[drop[1]] = true
		}
	}
	return names, nil
}

// storedColumns returns the pairs of an index and a column that it stores.
func (db *DB) storedColumns(ctx context.Context) (map[[2]string]bool, error) {
	has := map[[2]string]bool{}
	err := db.read(tagged(ctx), spanner.StrongRead(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		return tx.Query(ctx, spanner.Statement{
			SQL: `SELECT INDEX_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.INDEX_COLUMNS WHERE ORDINAL_POSITION IS NULL`,
		}).Do(func(r *spanner.Row) error {
			var pair [2]string
			err := r.Columns(&pair[0], &pair[1])
			has[pair] = true
			return err
		})
	})
	return has, err
}

func (db *DB) update(ctx context.Context, admin *database.DatabaseAdminClient, statements []string) error {
	if len(statements) == 0 {
		return nil
	}
	op, err := admin.UpdateDatabaseDdl(ctx, &databasepb.UpdateDatabaseDdlRequest{
		Database: db.database, Statements: statements,
	})
	if err != nil {
		return err
	}
	return op.Wait(ctx)
}
