package httpserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/httpserver"
)

func TestInProcess(t *testing.T) {
	client := http.Client{Transport: httpserver.InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Seen", r.Host+r.RequestURI+r.Header.Get("X-Sent"))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s", r.Method, body)
	})}}
	for method, content := range map[string]string{http.MethodGet: "", http.MethodPost: "content"} {
		var body io.Reader
		if content != "" {
			body = strings.NewReader(content)
		}
		request, err := http.NewRequestWithContext(t.Context(), method, "http://accounts/v1?a=b%20c", body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Sent", "!")
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		if err != nil || answer.Body.Close() != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusTeapot || answer.Status != "418 I'm a teapot" || answer.Header.Get("X-Seen") != "accounts/v1?a=b%20c!" || string(got) != method+" "+content {
			t.Errorf("%s: %d %v %s", method, answer.StatusCode, answer.Header, got)
		}
	}
}

func TestInProcessOfAHandlerThatPanics(t *testing.T) {
	for _, reason := range []any{http.ErrAbortHandler, "a mistake"} {
		client := http.Client{Transport: httpserver.InProcess{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(reason) })}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://accounts/", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			t.Errorf("a panic with %v is an answer", reason)
		}
	}
}

func TestInProcessOfAClientThatLeaves(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	client := http.Client{Transport: httpserver.InProcess{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leave() })}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://accounts/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want context.Canceled", err)
	}
	if err == nil {
		_ = answer.Body.Close()
	}
}
