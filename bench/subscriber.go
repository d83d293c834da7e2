package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const deleteEvery = 50 * time.Millisecond

// deletion is of an account that had a session: a subscriber deletes that too.
type deletion struct{ account, session int64 }

// deleteAccounts deletes accounts from begin to end. It has created each of
// them before, with a session.
func deleteAccounts(ctx context.Context, origin string, begin, end time.Time) (done []deletion, err error) {
	for due := begin; due.Before(end); due = due.Add(deleteEvery) {
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return done, nil
		}
		var account struct{ ID int64 }
		session := int64(len(done) + 1)
		if err := call(ctx, http.MethodPost, origin+"/v1/accounts", "application/json",
			fmt.Appendf(nil, `{"name":"","email":"deleted%d@example.org","address":""}`, session), &account); err != nil {
			return done, err
		}
		if err := call(ctx, http.MethodPost, origin+"/v1/audios", "application/json",
			fmt.Appendf(nil, `{"session_id":%d,"account_id":%d,"ticks":[%s-50],"selected_tick":0,"step_count":0}`, session, account.ID, strings.Repeat("-50,", 14)), nil); err != nil {
			return done, err
		}
		if err := call(ctx, http.MethodDelete, fmt.Sprint(origin, "/v1/accounts/", account.ID), "", nil, nil); err != nil {
			return done, err
		}
		done = append(done, deletion{account: account.ID, session: session})
	}
	return done, nil
}

// effectsOf returns the time from the commit of each account's deletion to that
// of its session's deletion, according to the histories.
func effectsOf(ctx context.Context, origin string, done []deletion) (took []time.Duration, err error) {
	limit := time.Now().Add(lastEvent)
	for _, d := range done {
		account, err := deletedAt(ctx, origin, fmt.Sprint("accounts/", d.account), limit)
		if err != nil {
			return nil, err
		}
		session, err := deletedAt(ctx, origin, fmt.Sprint("audios/", d.session), limit)
		if err != nil {
			return nil, err
		}
		took = append(took, session.Sub(account))
	}
	if len(took) == 0 {
		return nil, errors.New("nothing was deleted within the time of a measurement")
	}
	return took, nil
}

// deletedAt waits for the deletion of a resource, which follows its creation,
// until limit.
func deletedAt(ctx context.Context, origin, resource string, limit time.Time) (time.Time, error) {
	for {
		var history []struct{ Time time.Time }
		if err := call(ctx, http.MethodGet, origin+"/v1/"+resource+"/events?after_version=1", "", nil, &history); err != nil {
			return time.Time{}, err
		}
		if len(history) > 0 {
			return history[0].Time, nil
		}
		if time.Now().After(limit) {
			return time.Time{}, fmt.Errorf("%s is not deleted", resource)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
