// Command table keeps an SQLite table of all accounts up to date from the
// events on Pub/Sub alone:
//
//	go run ./table -project my-project -subscription my-accounts -database accounts.db
//
// The effect of an event and the version of its resource are committed in one
// transaction. The table is therefore correct despite duplicate deliveries and
// crashes of this process.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"cloud.google.com/go/pubsub/v2"
	_ "modernc.org/sqlite"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/sqlstate"
)

func main() {
	project := flag.String("project", os.Getenv("GOOGLE_CLOUD_PROJECT"), "the Google Cloud project of the subscription")
	subscription := flag.String("subscription", "my-accounts", "an ordered subscription to account-events-v1")
	database := flag.String("database", "accounts.db", "the SQLite file with the table")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *project, *subscription, *database); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, project, subscription, database string) error {
	db, err := open(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()
	client, err := pubsub.NewClient(ctx, project)
	if err != nil {
		return fmt.Errorf("connect to Pub/Sub: %w", err)
	}
	defer client.Close()
	consumer := newConsumer(db)
	// The subscription is ordered: messages of one account arrive one at a
	// time.
	return client.Subscriber(subscription).Receive(ctx, func(ctx context.Context, m *pubsub.Message) {
		if err := handle(ctx, consumer, m.Attributes, m.Data); err != nil {
			log.Printf("again later: %v", err)
			m.Nack()
			return
		}
		m.Ack()
	})
}

const schema = `CREATE TABLE IF NOT EXISTS accounts (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	email TEXT NOT NULL,
	address TEXT NOT NULL
)`

func open(ctx context.Context, database string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+database+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", database, err)
	}
	for _, table := range []string{sqlstate.Schema, schema} {
		if _, err := db.ExecContext(ctx, table); err != nil {
			return nil, errors.Join(fmt.Errorf("make the tables in %s: %w", database, err), db.Close())
		}
	}
	return db, nil
}

func newConsumer(db *sql.DB) *events.Consumer[*sql.Tx] {
	return &events.Consumer[*sql.Tx]{
		State: sqlstate.New(db, "accounts-table"),
		Apply: apply,
		// An event carries the whole account, so missed versions do not matter.
		Gap: func(_ context.Context, _ *sql.Tx, gap *events.GapError) error {
			log.Print(gap)
			return nil
		},
	}
}

func apply(ctx context.Context, tx *sql.Tx, change events.Decoded) (err error) {
	switch e := change.(type) {
	case events.AccountChanged:
		_, err = tx.ExecContext(ctx, `INSERT INTO accounts (id, name, email, address) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, address = excluded.address`,
			e.Resource.ID, e.Resource.Name, e.Resource.Email, e.Resource.Address)
	case events.AccountDeleted:
		_, err = tx.ExecContext(ctx, `DELETE FROM accounts WHERE id = $1`, e.Key.ID)
	}
	log.Printf("%s: %s", change.Envelope().ID(), change.Envelope().Type)
	return err
}

// handle returns an error if the message has to be delivered again.
func handle(ctx context.Context, consumer *events.Consumer[*sql.Tx], attributes map[string]string, data []byte) error {
	change, err := events.Decode(attributes, data)
	if err != nil {
		log.Printf("skipped: %v", err) // a newer type, or an event of another sender
		return nil
	}
	return consumer.Handle(ctx, change)
}
