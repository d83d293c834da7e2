// Package accountsapi calls the API of the accounts service.
package accountsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/jsonscan"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

const (
	// limit is how many events are read at once.
	limit = 500
	// timeout bounds a request.
	timeout = 30 * time.Second
	// maxAnswer is far more than limit events, or app.MaxAccounts accounts, have.
	maxAnswer = 64 << 20
	// cursorHeader has the cursor after a page of events.
	cursorHeader = "Concha-Feed-Cursor"
)

var errUnavailable = fault.New(fault.Unavailable, "accounts-unavailable", "the accounts service cannot be used")

var errNoJSON = errors.New("the answer is not the expected JSON")

// Client is an app.AccountsService.
type Client struct {
	origin    string
	tokenFile string
	http      http.Client
}

var _ app.AccountsService = (*Client)(nil)

// New returns a client of the API under an origin, such as "http://accounts:8080".
// tokenFile is a file with an API key, or "" to send none. It is read for each
// request, so that the key can be replaced.
func New(origin, tokenFile string, transport http.RoundTripper) *Client {
	return &Client{origin: origin, tokenFile: tokenFile, http: http.Client{Transport: transport, Timeout: timeout}}
}

// Events implements app.AccountsService.
func (c *Client) Events(ctx context.Context, cursor string) (app.AccountEvents, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		query.Set("after", cursor)
	}
	header, body, err := c.get(ctx, "/v1/events/accounts", query)
	if err != nil {
		return app.AccountEvents{}, fmt.Errorf("read the events of accounts: %w", err)
	}
	page, size := app.AccountEvents{Next: header.Get(cursorHeader)}, 0
	batch := jsonscan.Scanner{Data: body}
	batch.Array(func() bool {
		size++
		if event, ok := relevant(batch.Value()); ok {
			page.Events = append(page.Events, event)
		}
		return true
	})
	if !batch.End() {
		return app.AccountEvents{}, fmt.Errorf("read the events of accounts: %w", errUnavailable.Wrap(errNoJSON))
	}
	if page.Next == "" {
		return app.AccountEvents{}, fmt.Errorf("read the events of accounts: %w", errUnavailable.Detailf("the answer has no header %s", cursorHeader))
	}
	page.More = size == limit
	return page, nil
}

// relevant returns an event that is to be applied, and false for any other: an
// event of another type, one of an account without an owner, and one that is
// redacted or malformed. Most events are not to be applied, and are not decoded:
// after 100,000 writes that would occupy a processor for seconds.
func relevant(text []byte) (app.AccountEvent, bool) {
	switch string(jsonscan.Member(text, "type")) {
	case `"` + events.AccountDeletedV1 + `"`:
	case `"` + events.AccountCreatedV1 + `"`:
		resource := jsonscan.Member(jsonscan.Member(text, "data"), "resource")
		if owner := jsonscan.Member(resource, "owner"); owner == nil || string(owner) == "null" {
			return app.AccountEvent{}, false
		}
	default:
		return app.AccountEvent{}, false
	}
	attributes, data, err := events.Binary(text)
	if err != nil {
		return app.AccountEvent{}, false
	}
	decoded, err := events.Decode(attributes, data)
	if err != nil {
		return app.AccountEvent{}, false
	}
	e := decoded.Envelope()
	event := app.AccountEvent{Cursor: attributes["ce-cursor"], Time: e.Time, Traceparent: e.Traceparent}
	switch d := decoded.(type) {
	case events.AccountDeleted:
		event.AccountID, event.Deleted = d.Key.ID, true
	case events.AccountChanged:
		if e.Type != events.AccountCreatedV1 || d.Resource.Owner == nil {
			return app.AccountEvent{}, false
		}
		event.AccountID, event.Owner = d.Resource.ID, *d.Resource.Owner
	default:
		return app.AccountEvent{}, false
	}
	return event, true
}

// Existing implements app.AccountsService.
func (c *Client) Existing(ctx context.Context, ids []int64) (existing []int64, err error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	query := url.Values{"ids": {strings.Join(texts, ",")}, "page_size": {strconv.Itoa(app.MaxAccounts)}}
	for {
		var page struct {
			Items []struct {
				ID int64 `json:"id"`
			} `json:"items"`
			NextPageToken *string `json:"next_page_token"`
		}
		_, body, err := c.get(ctx, "/v1/accounts", query)
		if err == nil && json.Unmarshal(body, &page) != nil {
			err = errUnavailable.Wrap(errNoJSON)
		}
		if err != nil {
			return nil, fmt.Errorf("look up accounts: %w", err)
		}
		for _, account := range page.Items {
			existing = append(existing, account.ID)
		}
		if page.NextPageToken == nil || *page.NextPageToken == "" {
			return existing, nil
		}
		query.Set("page_token", *page.NextPageToken)
	}
}

// get returns the header and the body of the answer to a request.
func (c *Client) get(ctx context.Context, path string, query url.Values) (header http.Header, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.origin+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return nil, nil, fmt.Errorf("CONCHA_ACCOUNTS_TOKEN_FILE: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, nil, errUnavailable.Wrap(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, nil, errUnavailable.Wrap(err)
	case answer.StatusCode == http.StatusGone:
		return nil, nil, app.ErrCursorExpired
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		return nil, nil, errUnavailable.Detailf("%s%s answered %s: CONCHA_ACCOUNTS_TOKEN_FILE must hold an API key with the scopes events:read and accounts:read, and CONCHA_ACCOUNTS_URL must name the gateway, unless the accounts service trusts its network", c.origin, path, answer.Status)
	case answer.StatusCode != http.StatusOK:
		return nil, nil, errUnavailable.Detailf("%s%s answered %s", c.origin, path, answer.Status)
	}
	return answer.Header, body, nil
}
