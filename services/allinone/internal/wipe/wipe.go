// Package wipe deletes everything on a server through its API.
package wipe

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	api "github.com/concha-labs/backend/pkg/client"
	"github.com/concha-labs/backend/pkg/settings"
)

// Command is the command line's part.
var Command = settings.Command{
	Name: "wipe", Args: "[--url URL] accounts|audios",
	About: "delete all accounts, or all audios, of a running server",
}

// Run carries out the command and returns the exit code: 1 if it failed or was
// stopped, 2 if the arguments are wrong.
func Run(args []string) int {
	flags := flag.NewFlagSet("wipe", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	server := flags.String("url", "http://localhost:8080", "`origin` of the server")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(os.Stdout, "Usage: allinone wipe", Command.Args)
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "wipe:", err)
		return 2
	}
	w := wiper{collection: flags.Arg(0), out: os.Stdout}
	if flags.NArg() != 1 || (w.collection != "accounts" && w.collection != "audios") {
		fmt.Fprintln(os.Stderr, "wipe: say what to delete: accounts or audios")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := w.run(ctx, *server); err != nil {
		fmt.Fprintf(os.Stderr, "\nwipe: %v; %d are deleted\n", err, w.deleted.Load())
		return 1
	}
	return 0
}

const (
	pageSize = 1000
	workers  = 8
)

type wiper struct {
	api        *api.ClientWithResponses
	collection string // accounts or audios
	out        io.Writer
	deleted    atomic.Int64
}

// run deletes page after page from the start, until there is none: what is
// added meanwhile goes as well.
func (w *wiper) run(ctx context.Context, server string) (err error) {
	w.api, err = api.NewClientWithResponses(server, api.WithHTTPClient(&http.Client{Timeout: 30 * time.Second}), api.WithErrors())
	if err != nil {
		return err
	}
	for {
		ids, err := w.page(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			fmt.Fprintf(w.out, "\r%d deleted from the %s of %s\n", w.deleted.Load(), w.collection, server)
			return nil
		}
		if err := w.remove(ctx, ids); err != nil {
			return err
		}
		fmt.Fprintf(w.out, "\r%d deleted", w.deleted.Load())
	}
}

// page returns the ids of the first page.
func (w *wiper) page(ctx context.Context) (ids []int64, err error) {
	if w.collection == "accounts" {
		list, err := w.api.ListAccountsWithResponse(ctx, &api.ListAccountsParams{PageSize: new(pageSize)})
		if err != nil {
			return nil, err
		}
		if list.JSON200 == nil {
			return nil, errNoList
		}
		for _, account := range list.JSON200.Items {
			ids = append(ids, account.ID)
		}
		return ids, nil
	}
	list, err := w.api.ListAudiosWithResponse(ctx, &api.ListAudiosParams{PageSize: new(pageSize)})
	if err != nil {
		return nil, err
	}
	if list.JSON200 == nil {
		return nil, errNoList
	}
	for _, audio := range list.JSON200.Items {
		ids = append(ids, audio.SessionID)
	}
	return ids, nil
}

var errNoList = errors.New("what the server answers is no list")

// remove deletes these. The first failure ends it.
func (w *wiper) remove(ctx context.Context, ids []int64) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	next := make(chan int64)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for id := range next {
				if err := w.removeOne(ctx, id); err != nil {
					fail(err)
				} else {
					w.deleted.Add(1)
				}
			}
		})
	}
	for _, id := range ids {
		next <- id
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func (w *wiper) removeOne(ctx context.Context, id int64) (err error) {
	always := api.DeleteAccountParams{AllowMissing: new(true), IfMatch: new("*")} // in case it is required
	if w.collection == "accounts" {
		_, err = w.api.DeleteAccountWithResponse(ctx, id, &always)
	} else {
		_, err = w.api.DeleteAudioWithResponse(ctx, id, (*api.DeleteAudioParams)(&always))
	}
	return err
}
