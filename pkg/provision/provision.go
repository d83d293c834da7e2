// Package provision prepares the resources of a service in the cloud: the
// schema of its database and, for development and the emulators, everything
// that is missing.
package provision

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/storage"

	"github.com/concha-labs/backend/pkg/blob/gcsblob"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// The commands of a service's binary that run its Plan.
var (
	MigrateCommand = settings.Command{
		Name: "migrate", About: "bring the database to the newest schema",
		Uses: []string{"CONCHA_BACKEND", "CONCHA_SPANNER_DATABASE"},
	}
	RetireCommand = settings.Command{
		Name: "retire", About: "drop the indexes that only earlier releases use, once no replica of one is left",
		Uses: MigrateCommand.Uses,
	}
	ShardsCommand = settings.Command{
		Name: "shards", Argument: "NUMBER", About: "store the event log in 32, 64 or 128 shards from now on, instead of 16",
		Uses: MigrateCommand.Uses,
	}
	ProvisionCommand = settings.Command{
		Name: "provision", About: "make the database, bucket, topics and subscriptions that are missing, and migrate",
	}
)

const (
	// creation bounds the creation of a database, which may take minutes.
	// Migrations are not bounded: an index of a large table takes hours.
	creation = 10 * time.Minute
	// answer bounds the creation of everything else, including the wait for a
	// backend that is starting.
	answer = time.Minute
	// patience is the time after which a wait for a backend is reported.
	patience = 3 * time.Second
)

// Plan lists the resources of one service.
type Plan struct {
	Project  string
	Database string // projects/P/instances/I/databases/D
	Schema   []spannerdb.Migrations
	Bucket   string

	PubSubEndpoint string // "" for the default
	Subscriptions  []bus.Subscription
}

// Run runs one of the commands, as settings.Load returns it, and returns the exit
// code. It writes progress to stdout and errors to stderr.
func (p Plan) Run(command string) (exitCode int) {
	if p.Database == "" {
		_, _ = fmt.Fprintf(os.Stderr, "%s: there is nothing to do on the embedded backend, which prepares itself\n", command)
		return 1
	}
	do := p.Migrate
	name, argument, _ := strings.Cut(command, " ")
	switch name {
	case ProvisionCommand.Name:
		do = p.Provision
	case RetireCommand.Name:
		do = p.Retire
	case ShardsCommand.Name:
		do = func(ctx context.Context, out io.Writer) error { return p.Grow(ctx, argument, out) }
	}
	if err := do(context.Background(), os.Stdout); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", command, err)
		return 1
	}
	return 0
}

// Migrate migrates the database to the newest schema and writes its progress to
// out. Idempotent. Concurrent calls, also of other processes, are serialized.
func (p Plan) Migrate(ctx context.Context, out io.Writer) error {
	return p.change(ctx, out, (*spannerdb.DB).Migrate)
}

// Retire drops the indexes that only earlier releases use; see spannerdb.DB.
func (p Plan) Retire(ctx context.Context, out io.Writer) error {
	return p.change(ctx, out, (*spannerdb.DB).Retire)
}

// Grow has the event log stored in a number of shards from now on, and writes to
// out when that is in force. Idempotent. See spannerlog.Log.Grow.
func (p Plan) Grow(ctx context.Context, number string, out io.Writer) error {
	shards, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("the number of shards must be 32, 64 or 128, and not %q", number)
	}
	return p.change(ctx, out, func(db *spannerdb.DB, ctx context.Context, out io.Writer) error {
		before, err := spannerlog.New(db).Grow(ctx, shards)
		switch {
		case err != nil:
			return err
		case before == shards:
			_, _ = fmt.Fprintf(out, "the event log has %d shards already\n", shards)
		default:
			_, _ = fmt.Fprintf(out, "the event log has %d shards instead of %d; all replicas write to them within 15 seconds\n", shards, before)
		}
		return nil
	})
}

func (p Plan) change(ctx context.Context, out io.Writer, change func(*spannerdb.DB, context.Context, io.Writer) error) error {
	db, err := spannerdb.Open(ctx, p.Database, spannerdb.Config{Migrations: p.Schema})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := change(db, ctx, out); err != nil {
		return spanner.blame(err)
	}
	return nil
}

// Provision creates missing resources, runs Migrate, and writes to out which
// resources were created and which existed. Idempotent. It waits up to a minute
// for a backend that cannot be reached; the error then names the backend and
// its address.
func (p Plan) Provision(ctx context.Context, out io.Writer) error {
	if err := spanner.provision(ctx, out, creation, p.database); err != nil {
		return err
	}
	if err := p.Migrate(ctx, out); err != nil {
		return err
	}
	if err := cloudStorage.provision(ctx, out, answer, p.bucket); err != nil {
		return err
	}
	return pubSub.provision(ctx, out, answer, p.topics)
}

// backend is the name of a backend in which resources are created.
type backend string

const (
	spanner      backend = "Spanner"
	cloudStorage backend = "Cloud Storage"
	pubSub       backend = "Pub/Sub"
)

func (b backend) blame(err error) error { return fmt.Errorf("%v: %w", b, err) }

// provision calls do to create missing resources, within limit. It writes the
// result to out, and a notice if it has to wait.
func (b backend) provision(ctx context.Context, out io.Writer, limit time.Duration, do func(context.Context) (made, found []string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var made, found []string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		made, found, err = do(ctx)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		_, _ = fmt.Fprintf(out, "waiting for %v...\n", b)
		<-done
	}
	report(out, made, found)
	if err != nil {
		return b.blame(err)
	}
	return nil
}

func (p Plan) database(ctx context.Context) (made, found []string, err error) {
	database, err := spannerdb.Provision(ctx, p.Database)
	return database.Made, database.Found, err
}

func (p Plan) bucket(ctx context.Context) (made, found []string, err error) {
	client, err := storage.NewClient(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("provision bucket: %w", err)
	}
	defer func() { _ = client.Close() }()
	name := []string{"buckets/" + p.Bucket}
	switch isNew, err := gcsblob.Provision(ctx, client, p.Project, p.Bucket); {
	case err != nil:
		return nil, nil, err
	case isNew:
		return name, nil, nil
	}
	return nil, name, nil
}

func (p Plan) topics(ctx context.Context) (made, found []string, err error) {
	client, err := pubsubbus.Connect(ctx, p.Project, p.PubSubEndpoint)
	if err != nil {
		return nil, nil, fmt.Errorf("provision topics: %w", err)
	}
	defer func() { _ = client.Close() }()
	return pubsubbus.Provision(ctx, client, p.Subscriptions)
}

func report(out io.Writer, made, found []string) {
	for _, name := range made {
		_, _ = fmt.Fprintln(out, "made ", name)
	}
	for _, name := range found {
		_, _ = fmt.Fprintln(out, "found", name)
	}
}
