package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	_ "github.com/concha-labs/backend/pkg/sqlitedb" // registers the driver "sqlite"
)

// limit is the least that can serve accounts from SQLite: net/http and the
// driver, without middleware, log, checks of the input, or events, and deaf to
// clients that leave, for whom database/sql would start a goroutine a query.
// Its answers have the bodies of the product's, its commits are as durable.
type limit struct {
	one, page *sql.Stmt
	inserts   chan *insert
}

// insert is a row on its way into the database.
type insert struct {
	account events.Account
	done    chan error
}

const (
	schema = `CREATE TABLE IF NOT EXISTS accounts (
		id         INTEGER PRIMARY KEY,
		name       TEXT    NOT NULL,
		email      TEXT    NOT NULL UNIQUE,
		address    TEXT    NOT NULL,
		image      TEXT,
		version    INTEGER NOT NULL,
		created_at INTEGER NOT NULL,
		updated_at INTEGER NOT NULL
	) STRICT`
	columns   = `SELECT id, name, email, address, image, version, created_at, updated_at FROM accounts WHERE `
	insertRow = `INSERT INTO accounts (id, name, email, address, image, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
)

// serveLimit serves the limit on port until ctx is done.
func serveLimit(ctx context.Context, port, dir string) error {
	dsn := (&url.URL{Scheme: "file", Opaque: url.PathEscape(filepath.Join(dir, "limit.db"))}).String() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	conns := 2*runtime.GOMAXPROCS(0) + 1 // readers and the writer
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	l := limit{inserts: make(chan *insert)}
	if l.one, err = db.PrepareContext(ctx, columns+`id = ?`); err != nil {
		return err
	}
	if l.page, err = db.PrepareContext(ctx, columns+`id > ? ORDER BY id LIMIT ?`); err != nil {
		return err
	}
	writer, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	go l.write(writer)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v1/accounts/{id}", l.serveOne)
	mux.HandleFunc("GET /v1/accounts", l.servePage)
	mux.HandleFunc("POST /v1/accounts", l.create)
	return listenAndServe(ctx, port, mux)
}

func (l limit) serveOne(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	account, err := scan(l.one.QueryRowContext(context.Background(), id))
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, account)
}

func (l limit) servePage(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size, _ := strconv.Atoi(query.Get("page_size"))
	after, _ := strconv.ParseInt(query.Get("page_token"), 10, 64) // "" is the start
	rows, err := l.page.QueryContext(context.Background(), after, size)
	if err != nil {
		fail(w, err)
		return
	}
	defer rows.Close()
	body := struct {
		ResourceType  string           `json:"resource_type"`
		Count         int              `json:"count"`
		Items         []events.Account `json:"items"`
		NextPageToken string           `json:"next_page_token"`
	}{ResourceType: "accounts", Items: make([]events.Account, 0, size)}
	for rows.Next() {
		account, err := scan(rows)
		if err != nil {
			fail(w, err)
			return
		}
		body.Items = append(body.Items, account)
	}
	if err := rows.Err(); err != nil {
		fail(w, err)
		return
	}
	if body.Count = len(body.Items); body.Count == size {
		body.NextPageToken = strconv.FormatInt(body.Items[size-1].ID, 10)
	}
	answer(w, http.StatusOK, body)
}

func (l limit) create(w http.ResponseWriter, r *http.Request) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	in := insert{account: events.Account{ID: rand.Int64N(1<<53-1) + 1, Version: 1, CreatedAt: events.Time{Time: now}, UpdatedAt: events.Time{Time: now}}, done: make(chan error, 1)}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in.account)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.inserts <- &in
	if err := <-in.done; err != nil {
		fail(w, err)
		return
	}
	in.account.ETag = etag(in.account.Version)
	answer(w, http.StatusCreated, in.account)
}

// write commits all inserts that wait as one transaction, again and again.
func (l limit) write(conn *sql.Conn) {
	ctx := context.Background()
	stmt, err := conn.PrepareContext(ctx, insertRow)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(1)
	}
	defer func() { _ = stmt.Close() }()
	var group []*insert
	for first := range l.inserts {
		group = append(group[:0], first)
		_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		for next := first; next != nil && err == nil; next = l.waiting(&group) {
			a := next.account
			_, err = stmt.ExecContext(ctx, a.ID, a.Name, a.Email, a.Address, nil, a.Version, a.CreatedAt.UnixMicro(), a.UpdatedAt.UnixMicro())
		}
		if err == nil {
			_, err = conn.ExecContext(ctx, "COMMIT")
		} else {
			_, _ = conn.ExecContext(ctx, "ROLLBACK")
		}
		for _, in := range group {
			in.done <- err
		}
	}
}

// waiting adds an insert that waits to the group and returns it, or nil.
func (l limit) waiting(group *[]*insert) *insert {
	select {
	case in := <-l.inserts:
		*group = append(*group, in)
		return in
	default:
		return nil
	}
}

func scan(row interface{ Scan(dest ...any) error }) (events.Account, error) {
	var a events.Account
	var image *string // always NULL here
	var created, updated int64
	err := row.Scan(&a.ID, &a.Name, &a.Email, &a.Address, &image, &a.Version, &created, &updated)
	a.CreatedAt, a.UpdatedAt = events.Time{Time: time.UnixMicro(created).UTC()}, events.Time{Time: time.UnixMicro(updated).UTC()}
	a.ETag = etag(a.Version)
	return a, err
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

func answer(w http.ResponseWriter, status int, body any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func fail(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
