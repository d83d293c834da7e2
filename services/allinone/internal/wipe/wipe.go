// Package wipe deletes everything on a server through its API.
package wipe

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/concha-labs/backend/pkg/settings"
)

// Command is the command line's part.
var Command = settings.Command{
	Name: "wipe", Args: "[--url URL] accounts|audios",
	About: "delete all accounts, or all audios, of a running server",
}

// Run carries out the command and returns the exit code.
func Run(args []string) int {
	flags := flag.NewFlagSet("wipe", flag.ContinueOnError)
	server := flags.String("url", "http://localhost:8080", "origin of the server")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	endpoint := flags.Arg(0)
	if flags.NArg() != 1 || (endpoint != "accounts" && endpoint != "audios") {
		fmt.Fprintln(os.Stderr, "wipe: say what to delete: accounts or audios")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	w := wiper{client: &http.Client{Timeout: 30 * time.Second}, collection: strings.TrimRight(*server, "/") + "/v1/" + endpoint, out: os.Stdout}
	if err := w.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\nwipe:", err)
		return 1
	}
	return 0
}

const (
	pageSize = 1000
	workers  = 8
)

type wiper struct {
	client     *http.Client
	collection string // URL
	out        io.Writer
	deleted    int
}

// run deletes page after page from the start, until there is none: what is
// added meanwhile goes as well.
func (w *wiper) run(ctx context.Context) error {
	for {
		ids, err := w.page(ctx)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			fmt.Fprintf(w.out, "\r%d deleted from %s\n", w.deleted, w.collection)
			return nil
		}
		if err := w.remove(ctx, ids); err != nil {
			return err
		}
		w.deleted += len(ids)
		fmt.Fprintf(w.out, "\r%d deleted", w.deleted)
	}
}

func (w *wiper) page(ctx context.Context) (ids []string, err error) {
	body, err := w.do(ctx, http.MethodGet, w.collection+"?page_size="+strconv.Itoa(pageSize))
	if err != nil {
		return nil, err
	}
	var page struct {
		Items []struct {
			ID        json.Number `json:"id"`
			SessionID json.Number `json:"session_id"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, fmt.Errorf("the answer of %s is no list: %w", w.collection, err)
	}
	for _, item := range page.Items {
		ids = append(ids, item.ID.String()+item.SessionID.String()) // an item has one of them
	}
	return ids, nil
}

func (w *wiper) remove(ctx context.Context, ids []string) error {
	next := make(chan string)
	failures := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for id := range next {
				if failures[i] == nil {
					_, failures[i] = w.do(ctx, http.MethodDelete, w.collection+"/"+url.PathEscape(id)+"?allow_missing=true")
				}
			}
		})
	}
	for _, id := range ids {
		next <- id
	}
	close(next)
	wg.Wait()
	return errors.Join(failures...)
}

func (w *wiper) do(ctx context.Context, method, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("If-Match", "*") // in case it is required
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s answers %s: %s", method, address, resp.Status, body)
	}
	return body, nil
}
