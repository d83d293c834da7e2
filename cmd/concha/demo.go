package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	api "github.com/concha-labs/backend/pkg/client"
)

const (
	maxDemoAccounts = 100_000
	demoBatch       = 200 // items of a request, so that progress is seen
)

// newDemo returns the command that fills a system with sample data.
func newDemo(cfg config) *cobra.Command {
	to := newServer(cfg)
	d := demo{}
	cmd := &cobra.Command{
		Use: "demo", Short: "Fill a system with sample accounts, images and sessions", Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			d.out, d.progress = cmd.OutOrStdout(), newProgress(os.Stderr)
			if d.accounts < 1 || d.accounts > maxDemoAccounts {
				return fmt.Errorf("--accounts must be between 1 and %d", maxDemoAccounts)
			}
			return to.check()
		},
		RunE: work(func(ctx context.Context) error { return d.run(ctx, to) }),
	}
	to.flag(cmd.Flags())
	cmd.Flags().IntVar(&d.accounts, "accounts", 120, "`number` of accounts")
	cmd.Flags().BoolVar(&d.yes, "yes", false, "add to a system that is not empty")
	return cmd
}

// demo makes people who took hearing tests: some have an image, most have
// sessions, and some changed their address since.
type demo struct {
	accounts int
	yes      bool
	out      io.Writer
	progress *progress

	api                    *api.ClientWithResponses
	made, images, sessions int
	changes                int
}

func (d *demo) run(ctx context.Context, to server) (err error) {
	d.api, err = to.client(60 * time.Second)
	if err != nil {
		return err
	}
	if err := d.checkEmpty(ctx); err != nil {
		return err
	}
	for d.made < d.accounts {
		accounts, err := d.makeAccounts(ctx, min(demoBatch, d.accounts-d.made))
		if err != nil {
			return err
		}
		if err := d.makeSessions(ctx, accounts); err != nil {
			return err
		}
		for _, account := range accounts {
			if err := d.embellish(ctx, account); err != nil {
				return err
			}
		}
	}
	_, err = fmt.Fprintf(d.out, "%d accounts, %d images and %d sessions are at %s; %d accounts were changed since. See them at %s/console\n",
		d.made, d.images, d.sessions, to.origin, d.changes, to.origin)
	return err
}

// checkEmpty refuses a system that has data, as sample data is hard to tell from
// it.
func (d *demo) checkEmpty(ctx context.Context) error {
	if d.yes {
		return nil
	}
	accounts, err := d.api.ListAccountsWithResponse(ctx, &api.ListAccountsParams{PageSize: new(1)})
	if err != nil {
		return err
	}
	audios, err := d.api.ListAudiosWithResponse(ctx, &api.ListAudiosParams{PageSize: new(1)})
	if err != nil {
		return err
	}
	if accounts.JSON200 == nil || audios.JSON200 == nil {
		return errNoList
	}
	if accounts.JSON200.Count+audios.JSON200.Count > 0 {
		return errors.New("the system is not empty; with --yes, samples are added to what there is")
	}
	return nil
}

func (d *demo) makeAccounts(ctx context.Context, count int) ([]api.Account, error) {
	people := make([]api.AccountInput, count)
	for i := range people {
		people[i] = person()
	}
	answer, err := d.api.CreateAccountsWithResponse(ctx, &api.CreateAccountsParams{}, people)
	if err != nil {
		return nil, err
	}
	if answer.JSON200 == nil {
		return nil, errNoResults
	}
	var accounts []api.Account
	for _, result := range answer.JSON200.Results {
		if result.Resource != nil { // an e-mail may be taken
			accounts = append(accounts, *result.Resource)
		}
	}
	if len(accounts) == 0 {
		return nil, errors.New("no account could be made, as their e-mails are taken")
	}
	d.made += len(accounts)
	d.tell()
	return accounts, nil
}

var errNoResults = errors.New("the answer of the server is not that to a batch")

// makeSessions makes the hearing tests of accounts: up to ten steps each.
func (d *demo) makeSessions(ctx context.Context, accounts []api.Account) error {
	var tests []api.AudioInput
	for _, account := range accounts {
		tests = append(tests, hearingTest(account.ID)...)
	}
	for len(tests) > 0 {
		count := min(demoBatch, len(tests))
		answer, err := d.api.CreateAudiosWithResponse(ctx, &api.CreateAudiosParams{}, tests[:count])
		if err != nil {
			return err
		}
		if answer.JSON200 == nil {
			return errNoResults
		}
		for _, result := range answer.JSON200.Results {
			if result.Resource != nil {
				d.sessions++
			}
		}
		tests = tests[count:]
		d.tell()
	}
	return nil
}

// embellish gives some accounts an image, and moves some to another address.
func (d *demo) embellish(ctx context.Context, account api.Account) error {
	if d.images < maxPortraits && rand.IntN(3) > 0 {
		body := bytes.NewReader(portrait(account.ID))
		if _, err := d.api.PutImageWithBodyWithResponse(ctx, account.ID, &api.PutImageParams{}, "image/png", body); err != nil {
			return err
		}
		d.images++
		d.tell()
	}
	if rand.IntN(8) == 0 {
		moved := api.AccountPatch{Address: new(address())}
		if _, err := d.api.PatchAccountWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, account.ID, &api.PatchAccountParams{}, moved); err != nil {
			return err
		}
		d.changes++
	}
	return nil
}

func (d *demo) tell() {
	d.progress.tell("%d of %d accounts, %d images, %d sessions", d.made, d.accounts, d.images, d.sessions)
}
