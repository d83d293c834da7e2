package edge

import (
	"compress/gzip"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

const (
	// minCompressed is the minimum size in bytes for compression. Smaller
	// answers fit into one packet anyway.
	minCompressed = 1 << 10
	// gzipTag is the suffix of the entity tag of a compressed answer. As a
	// different sequence of bytes, it must not have the strong tag of the plain
	// one (RFC 9110, section 8.8.3).
	gzipTag = "-gzip"
)

var compressed = []string{
	"application/json", "application/problem+json", "application/cloudevents-batch+json", "application/schema+json",
	"application/x-ndjson", "application/yaml", "text/html", "text/css", "text/javascript",
}

var byEncoding = []string{"Accept-Encoding"}

// Compress returns a handler that compresses the answers of h with gzip for
// clients that accept it: text of 1 KiB or more, except for event streams. The
// ETags of compressed answers end in -gzip. h receives the tags of a request
// without that suffix, so conditions work whichever form the client received.
func Compress(h http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.ContentTypes(compressed),
		gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.EnableZstd(false), gzhttp.SuffixETag(gzipTag))
	if err != nil {
		return nil, err
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		plainTags(r.Header, "If-Match")
		if plainTags(r.Header, "If-None-Match") {
			w = &revalidation{ResponseWriter: w}
		}
		h.ServeHTTP(w, r)
	}
	get := wrap(http.HandlerFunc(serve))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Header["Accept-Encoding"]; !ok || r.Method == http.MethodHead {
			w.Header()["Vary"] = byEncoding // needs no writer
			serve(w, r)
			return
		}
		get.ServeHTTP(w, r)
	}), nil
}

// plainTags removes the suffix from the entity tags in a header, and reports
// whether there was one.
func plainTags(h http.Header, name string) (changed bool) {
	for i, line := range h[name] {
		if plain := strings.ReplaceAll(line, gzipTag+`"`, `"`); plain != line {
			h[name][i], changed = plain, true
		}
	}
	return changed
}

// revalidation gives a 304 the tag of the form that the client has.
type revalidation struct {
	http.ResponseWriter
}

// Unwrap serves http.ResponseController.
func (w *revalidation) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *revalidation) WriteHeader(status int) {
	if tag, ok := strings.CutSuffix(w.Header().Get("ETag"), `"`); ok && status == http.StatusNotModified {
		w.Header().Set("ETag", tag+gzipTag+`"`)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush serves gin, which asserts http.Flusher.
func (w *revalidation) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
