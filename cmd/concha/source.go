package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	api "github.com/concha-labs/backend/pkg/client"
)

// pageSize is the most that the API gives at once.
const pageSize = 1000

// patience bounds the request of one page.
const patience = time.Minute

// source is one service of a running server.
type source struct {
	api        api.ClientInterface
	collection string // accounts or audios
}

func newSource(from server, collection string) (source, error) {
	client, err := from.client(0)
	return source{api: client, collection: collection}, err
}

// id returns the id in a subject of the collection.
func (s source) id(subject string) (int64, error) {
	kind := strings.TrimSuffix(s.collection, "s")
	text, ok := strings.CutPrefix(subject, kind+"/")
	id, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || text != strconv.FormatInt(id, 10) {
		return 0, fmt.Errorf("subject must be %s/<id>", kind)
	}
	return id, nil
}

// event has the attributes of an event, and the event itself. Events of audios
// have the same attributes.
type event struct {
	api.AccountEvent

	raw []byte // JSON
}

func parseEvent(raw []byte) (event, error) {
	e := event{raw: raw}
	if err := json.Unmarshal(raw, &e.AccountEvent); err != nil {
		return event{}, fmt.Errorf("what came is no event: %w", err)
	}
	return e, nil
}

// list asks for a page of the collection: the first, unless there is a token.
func (s source) list(ctx context.Context, size int, token string) (*http.Response, error) {
	var next *string
	if token != "" {
		next = &token
	}
	if s.collection == "accounts" {
		return s.api.ListAccounts(ctx, &api.ListAccountsParams{PageSize: &size, PageToken: next})
	}
	return s.api.ListAudios(ctx, &api.ListAudiosParams{PageSize: &size, PageToken: next})
}

// follow asks for a batch of the feed, or as an editor of the request says.
func (s source) follow(ctx context.Context, params *api.FollowAccountsParams, edit ...api.RequestEditorFn) (*http.Response, error) {
	if s.collection == "accounts" {
		return s.api.FollowAccounts(ctx, params, edit...)
	}
	return s.api.FollowAudios(ctx, (*api.FollowAudiosParams)(params), edit...)
}

// history asks for a batch of the events of one resource.
func (s source) history(ctx context.Context, id int64, params *api.ListAccountEventsParams) (*http.Response, error) {
	if s.collection == "accounts" {
		return s.api.ListAccountEvents(ctx, id, params)
	}
	return s.api.ListAudioEvents(ctx, id, (*api.ListAudioEventsParams)(params))
}

// read decodes the body of an answer into v, and returns the header. Resources
// that are passed on are decoded to [json.RawMessage], because a newer server
// may send more members than the client knows.
func read(ctx context.Context, v any, ask func(context.Context) (*http.Response, error)) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", resp.Request.URL.Path, err)
	}
	return resp.Header, nil
}

// cursorHeader has the position of the feed when a list was read.
const cursorHeader = "Concha-Feed-Cursor"

// page is one of a list.
type page struct {
	Items         []json.RawMessage `json:"items"`
	NextPageToken string            `json:"next_page_token"`

	cursor string // behind all events that there were when the first page was read
}

func (s source) page(ctx context.Context, size int, token string) (p page, err error) {
	header, err := read(ctx, &p, func(ctx context.Context) (*http.Response, error) { return s.list(ctx, size, token) })
	if err != nil {
		return page{}, err
	}
	if p.cursor = header.Get(cursorHeader); p.cursor == "" {
		return page{}, fmt.Errorf("the server's lists have no header %s, which tells from where to follow the feed: it is too old for this", cursorHeader)
	}
	return p, nil
}

// progress prints the progress of long work from time to time.
type progress struct {
	out   io.Writer
	every time.Duration
	told  time.Time
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, every: 2 * time.Second, told: time.Now()}
}

func (p *progress) tell(format string, args ...any) {
	if time.Since(p.told) >= p.every {
		p.told = time.Now()
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}
