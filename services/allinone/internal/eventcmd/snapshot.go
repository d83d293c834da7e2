package eventcmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
)

// snapshot prints what there is.
type snapshot struct {
	source   source
	out      io.Writer
	progress *progress
}

// run prints every resource, and last from where the feed goes on: without that
// line, a snapshot is not whole.
func (s *snapshot) run(ctx context.Context) (err error) {
	out := bufio.NewWriter(s.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	query := url.Values{"page_size": {pageSize}}
	cursor, printed := "", 0
	for {
		var page struct {
			Items         []json.RawMessage `json:"items"`
			NextPageToken string            `json:"next_page_token"`
		}
		header, err := s.source.page(ctx, "/v1/"+s.source.collection, query, &page)
		if err != nil {
			return err
		}
		if cursor == "" { // that of the first page
			if cursor, err = feedCursor(header); err != nil {
				return err
			}
		}
		for _, item := range page.Items {
			if err := lines.Encode(item); err != nil {
				return err
			}
		}
		printed += len(page.Items)
		s.progress.tell("%d %s printed", printed, s.source.collection)
		if page.NextPageToken == "" {
			return lines.Encode(map[string]string{"feed_cursor": cursor})
		}
		query.Set("page_token", page.NextPageToken)
	}
}
