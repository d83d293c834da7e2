package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

const (
	// exported is the export of all sessions of a large table.
	exported = "export"
	// batched is the creation of 1,000 sessions in one request.
	batched = "batch"

	exportRows = 1_000_000
	batchItems = 1000
	batches    = 11

	mostBatch  = 100 * time.Millisecond
	exportAll  = "/v1/audios:export"
	exportOne  = "/v1/audios:export?step_count=3&order_by=created_at"
	everyTenth = 10
)

// measureBatches measures the creation of 1,000 sessions in one request, one
// request after the other.
func measureBatches(ctx context.Context, _ options, product program, dir string) (err error) {
	server, err := start(ctx, product, filepath.Join(dir, batched))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	var times []time.Duration
	for range batches {
		body := []byte{}
		for i := range batchItems {
			body = appendSession(append(body, "[,"[min(i, 1)]), random)
		}
		begun := time.Now()
		if err := call(ctx, http.MethodPost, "http://"+server.addr+"/v1/audios:batch", "application/json", append(body, ']'), nil); err != nil {
			return err
		}
		times = append(times, time.Since(begun))
	}
	fmt.Printf("\nbatch of %d sessions: p50 %s ms (at most %s)\n", batchItems, millis(median(times)), millis(mostBatch))
	return nil
}

// measureExport measures two exports of a table of 1,000,000 sessions: of all
// in the order of their ids, and of a tenth in the order of their creation.
func measureExport(ctx context.Context, _ options, product program, dir string) (err error) {
	dir = filepath.Join(dir, exported)
	fmt.Printf("filling a table with %d sessions\n", exportRows)
	if err := fillSessions(ctx, product, dir); err != nil {
		return fmt.Errorf("fill the table: %w", err)
	}
	server, err := start(ctx, product, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nexport of %d sessions\trows\ts\trows/s\tmemory MB: before\tpeak\t\n", exportRows)
	for _, export := range []struct {
		name, path string
		rows       int
	}{{"all by id", exportAll, exportRows}, {"a step by creation", exportOne, exportRows / everyTenth}} {
		server.settle(ctx)
		before, _ := server.memory()
		begun := time.Now()
		rows, err := countLines(ctx, "http://"+server.addr+export.path)
		took := time.Since(begun)
		if err != nil {
			return fmt.Errorf("GET %s: %w", export.path, err)
		}
		if rows != export.rows {
			return fmt.Errorf("GET %s has %d rows, want %d", export.path, rows, export.rows)
		}
		_, peak := server.memory()
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.0f\t%s\t%s\t\n", export.name, rows, took.Seconds(), float64(rows)/took.Seconds(), megabytes(before), megabytes(peak))
	}
	return w.Flush()
}

// countLines returns the number of lines of an answer.
func countLines(ctx context.Context, url string) (lines int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, errors.New(res.Status)
	}
	for in := bufio.NewReaderSize(res.Body, 64<<10); ; lines++ {
		if _, err := in.ReadSlice('\n'); errors.Is(err, io.EOF) {
			return lines, nil
		} else if err != nil {
			return lines, err
		}
	}
}

// fillSessions makes a table of many sessions below dir. The product creates one
// through its API. The others are copies of its row with other ids, ticks and
// steps: to create a million one by one takes several minutes.
func fillSessions(ctx context.Context, product program, dir string) error {
	server, err := start(ctx, product, dir)
	if err != nil {
		return err
	}
	session := `{"session_id":0,"ticks":[` + strings.Repeat("-80.18,", 14) + `-40.31],"selected_tick":0,"step_count":0}`
	if err := errors.Join(call(ctx, http.MethodPost, "http://"+server.addr+"/v1/audios", "application/json", []byte(session), nil), server.stop()); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "audios.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	columns, err := copied(ctx, db)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO audios SELECT `+columns+` FROM n CROSS JOIN audios WHERE session_id = 0`, exportRows-1)
	return err
}

// copied returns the columns of the copy of a session.
func copied(ctx context.Context, db *sql.DB) (string, error) {
	var names string
	if err := db.QueryRowContext(ctx, `SELECT json_group_array(name) FROM pragma_table_info('audios')`).Scan(&names); err != nil {
		return "", err
	}
	var columns []string
	if err := json.Unmarshal([]byte(names), &columns); err != nil {
		return "", err
	}
	for i, name := range columns {
		switch name {
		case "session_id":
			columns[i] = "n.i"
		case "selected_tick":
			columns[i] = "n.i * 7 % 15"
		case "step_count":
			columns[i] = "n.i % " + strconv.Itoa(everyTenth)
		case "created_at", "updated_at":
			columns[i] = name + " + n.i"
		}
	}
	return strings.Join(columns, ", "), nil
}
