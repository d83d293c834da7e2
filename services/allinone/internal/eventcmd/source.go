package eventcmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// pageSize is the most that the API gives at once.
const pageSize = "1000"

// patience bounds the request of one page.
const patience = time.Minute

// source is one service of a running server.
type source struct {
	origin     string // without a slash at its end
	collection string // accounts or audios
}

// event is what there is to know of an event, and the event itself.
type event struct {
	Type, Subject, Time, ResourceVersion, Cursor string

	raw []byte // JSON
}

func parseEvent(raw []byte) (event, error) {
	e := event{raw: raw}
	if err := json.Unmarshal(raw, &e); err != nil {
		return event{}, fmt.Errorf("what came is no event: %w", err)
	}
	return e, nil
}

// statusError is an answer other than 200.
type statusError struct {
	code    int
	request string
	detail  string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("GET %s is answered %d %s: %s", e.request, e.code, http.StatusText(e.code), e.detail)
}

// get returns the answer to a request. Errors: *statusError unless it is 200.
func (s source) get(ctx context.Context, path string, query url.Values, header http.Header) (*http.Response, error) {
	address := s.origin + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16)) // what there is of it
	failure := &statusError{code: resp.StatusCode, request: address, detail: string(body)}
	var problem struct {
		Detail string
		Errors []struct{ Pointer, Detail string }
	}
	if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		failure.detail = problem.Detail
		for _, e := range problem.Errors {
			failure.detail += "; " + e.Pointer + " " + e.Detail
		}
	}
	return nil, failure
}

// page reads the JSON of an answer into v, and returns its header.
func (s source) page(ctx context.Context, path string, query url.Values, v any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := s.get(ctx, path, query, http.Header{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return resp.Header, nil
}

// cursorHeader tells where the feed was when a list was read.
const cursorHeader = "Concha-Feed-Cursor"

func feedCursor(header http.Header) (string, error) {
	cursor := header.Get(cursorHeader)
	if cursor == "" {
		return "", fmt.Errorf("the server's lists have no header %s, which tells from where to follow the feed: it is too old for this", cursorHeader)
	}
	return cursor, nil
}

// head returns the cursor behind all events that there are.
func (s source) head(ctx context.Context) (cursor string, err error) {
	var page json.RawMessage
	header, err := s.page(ctx, "/v1/"+s.collection, url.Values{"page_size": {"1"}}, &page)
	if err != nil {
		return "", err
	}
	return feedCursor(header)
}

// progress tells a person every now and then how far long work is.
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
