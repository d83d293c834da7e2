// Command push is the endpoint of a Pub/Sub push subscription with payload
// unwrapping: each event arrives as an HTTP request whose headers are the
// attributes of the message and whose body is its data. The command logs the
// audio sessions that it receives.
//
//	PORT=8090 go run ./push
//
// The endpoint trusts every caller. On Cloud Run, let only the service account
// of the subscription invoke it. Elsewhere, check the token that the
// subscription sends (--push-auth-service-account).
package main

import (
	"cmp"
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/events"
)

func main() {
	server := http.Server{
		Addr:              ":" + cmp.Or(os.Getenv("PORT"), "8080"),
		Handler:           newHandler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
	}
	log.Printf("receiving on %s", server.Addr)
	log.Fatal(server.ListenAndServe())
}

// newHandler returns a handler that answers 204 if the event was handled or can
// never be handled. Any other status makes Pub/Sub send the event again.
func newHandler() http.Handler {
	consumer := &events.Consumer[events.NoTx]{
		State: &events.Memory{}, // use package sqlstate for effects that outlive the process
		Apply: func(_ context.Context, _ events.NoTx, change events.Decoded) error {
			switch e := change.(type) {
			case events.AudioChanged:
				log.Printf("session %d is at step %d, tick %d", e.Resource.SessionID, e.Resource.StepCount, e.Resource.SelectedTick)
			case events.AudioDeleted:
				log.Printf("session %d is gone", e.Key.SessionID)
			}
			return nil
		},
		Gap: func(_ context.Context, _ events.NoTx, gap *events.GapError) error {
			log.Print(gap)
			return nil
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		change, err := events.Decode(attributes(r.Header), data)
		if err != nil {
			log.Printf("skipped: %v", err)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if err := consumer.Handle(r.Context(), change); err != nil {
			log.Printf("again later: %v", err)
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func attributes(h http.Header) map[string]string {
	a := make(map[string]string, len(h))
	for name, values := range h {
		a[strings.ToLower(name)] = values[0]
	}
	return a
}
