package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
)

// snapshot prints all resources of a collection.
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
	token, cursor, printed := "", "", 0
	for {
		page, err := s.source.page(ctx, pageSize, token)
		if err != nil {
			return err
		}
		if cursor == "" {
			cursor = page.cursor
		}
		for _, item := range page.Items {
			if err := lines.Encode(item); err != nil {
				return err
			}
		}
		printed += len(page.Items)
		s.progress.tell("%d %s printed", printed, s.source.collection)
		if token = page.NextPageToken; token == "" {
			return lines.Encode(map[string]string{"feed_cursor": cursor})
		}
	}
}
