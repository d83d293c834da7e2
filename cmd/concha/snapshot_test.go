package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshot(t *testing.T) {
	t.Parallel()
	first := says(`{"items":[{"id":1,"name":"<a>"},{"id":2}],"next_page_token":"t&"}`, cursorHeader, "c1")
	for name, test := range map[string]struct {
		answers []http.HandlerFunc
		want    string
		err     string
	}{
		"pages": {
			answers: []http.HandlerFunc{first, says(`{"items":[{"id":3}],"next_page_token":""}`, cursorHeader, "c9")},
			want:    `{"id":1,"name":"<a>"}` + "\n" + `{"id":2}` + "\n" + `{"id":3}` + "\n" + `{"feed_cursor":"c1"}` + "\n",
		},
		"nothing": {
			answers: []http.HandlerFunc{says(`{"items":[],"next_page_token":""}`, cursorHeader, "c1")},
			want:    `{"feed_cursor":"c1"}` + "\n",
		},
		"cut off": {
			answers: []http.HandlerFunc{first, fails(503, "no database")},
			want:    `{"id":1,"name":"<a>"}` + "\n" + `{"id":2}` + "\n",
			err:     "no database",
		},
		"no cursor": {answers: []http.HandlerFunc{says(`{"items":[{"id":1}]}`)}, err: cursorHeader},
		"no list":   {answers: []http.HandlerFunc{says(`hello`)}, err: "read the answer of /v1/accounts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := &script{answers: test.answers}
			var out, told bytes.Buffer
			s := snapshot{source: server.start(t, "accounts"), out: &out, progress: &progress{out: &told}}
			if err := s.run(t.Context()); (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			requests := []string{"/v1/accounts?page_size=1000", "/v1/accounts?page_size=1000&page_token=t%26"}[:len(test.answers)]
			if diff := cmp.Diff(requests, server.requests); diff != "" {
				t.Errorf("requests: -want +got:\n%s", diff)
			}
			if len(test.answers) > 1 && !strings.Contains(told.String(), "2 accounts printed") {
				t.Errorf("it does not tell its progress: %q", &told)
			}
		})
	}
}
