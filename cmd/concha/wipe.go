package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	api "github.com/concha-labs/backend/pkg/client"
)

// newWipe returns the command that deletes all resources of a collection.
func newWipe(cfg config) *cobra.Command {
	to := newServer(cfg)
	w := wiper{}
	cmd := &cobra.Command{
		Use: "wipe accounts|audios", Short: "Delete all accounts, or all audios", Args: oneCollection,
		PreRunE: func(cmd *cobra.Command, args []string) error {
			w.collection, w.out = args[0], cmd.OutOrStdout()
			return to.check()
		},
		RunE: work(func(ctx context.Context) error {
			if err := w.run(ctx, to); err != nil {
				return fmt.Errorf("%w; %d are deleted", err, w.deleted.Load())
			}
			return nil
		}),
	}
	to.flag(cmd.Flags())
	return cmd
}

// workers is the number of requests under way at a time.
const workers = 8

type wiper struct {
	api        *api.ClientWithResponses
	collection string // accounts or audios
	out        io.Writer
	deleted    atomic.Int64
}

// run deletes the first page until there is no page. Resources that are added
// meanwhile are deleted too.
func (w *wiper) run(ctx context.Context, to server) (err error) {
	w.api, err = to.client(30 * time.Second)
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
			fmt.Fprintf(w.out, "\r%d deleted from the %s of %s\n", w.deleted.Load(), w.collection, to.origin)
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

var errNoList = errors.New("the answer of the server is not a list")

// remove deletes the resources with these ids. It ends at the first failure.
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
