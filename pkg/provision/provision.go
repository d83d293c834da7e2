// Package provision prepares what a service needs in the cloud: the schema of
// its database, and, for development and the emulators, all that is missing.
package provision

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"cloud.google.com/go/storage"

	"github.com/concha-labs/backend/pkg/blob/gcsblob"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// The commands of a service's binary that carry out its Plan.
var (
	MigrateCommand = settings.Command{
		Name: "migrate", About: "bring the database to the newest schema",
		Uses: []string{"CONCHA_BACKEND", "CONCHA_SPANNER_DATABASE"},
	}
	ProvisionCommand = settings.Command{
		Name: "provision", About: "make the database, bucket, topics and subscriptions that are missing, and migrate",
	}
)

// timeout bounds a command; a database takes up to some minutes to make.
const timeout = 10 * time.Minute

// Plan is what one service needs.
type Plan struct {
	Project  string
	Database string // projects/P/instances/I/databases/D
	Schema   []spannerdb.Migrations
	Bucket   string
	Topics   map[string][]string // each with the subscriptions to it
}

// Run carries out one of the commands, tells what it does on stdout and what
// failed on stderr, and returns the exit code.
func (p Plan) Run(command string) (exitCode int) {
	if p.Database == "" {
		_, _ = fmt.Fprintf(os.Stderr, "%s: there is nothing to do on the embedded backend, which prepares itself\n", command)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	do := p.Migrate
	if command == ProvisionCommand.Name {
		do = p.Provision
	}
	if err := do(ctx, os.Stdout); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", command, err)
		return 1
	}
	return 0
}

// Migrate brings the database to the newest schema and tells out what it does.
// Idempotent; two at once take turns.
func (p Plan) Migrate(ctx context.Context, out io.Writer) error {
	db, err := spannerdb.Open(ctx, p.Database, spannerdb.Config{Migrations: p.Schema})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Migrate(ctx, out)
}

// Provision makes what is missing, migrates, and tells out what was made and
// what was there. Idempotent.
func (p Plan) Provision(ctx context.Context, out io.Writer) error {
	database, err := spannerdb.Provision(ctx, p.Database)
	report(out, database.Made, database.Found)
	if err != nil {
		return err
	}
	if err := p.Migrate(ctx, out); err != nil {
		return err
	}
	if err := p.bucket(ctx, out); err != nil {
		return err
	}
	return p.topics(ctx, out)
}

func (p Plan) bucket(ctx context.Context, out io.Writer) error {
	client, err := storage.NewClient(ctx)
	if err != nil {
		return fmt.Errorf("provision bucket: %w", err)
	}
	defer func() { _ = client.Close() }()
	made, err := gcsblob.Provision(ctx, client, p.Project, p.Bucket, "")
	if err != nil {
		return err
	}
	if name := []string{"buckets/" + p.Bucket}; made {
		report(out, name, nil)
	} else {
		report(out, nil, name)
	}
	return nil
}

func (p Plan) topics(ctx context.Context, out io.Writer) error {
	client, err := pubsubbus.Connect(ctx, p.Project)
	if err != nil {
		return fmt.Errorf("provision topics: %w", err)
	}
	defer func() { _ = client.Close() }()
	made, found, err := pubsubbus.Provision(ctx, client, p.Topics)
	report(out, made, found)
	return err
}

func report(out io.Writer, made, found []string) {
	for _, name := range made {
		_, _ = fmt.Fprintln(out, "made ", name)
	}
	for _, name := range found {
		_, _ = fmt.Fprintln(out, "found", name)
	}
}
