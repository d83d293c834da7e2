package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is a set of writers. Each writer changes its own resources, one after
// the other, and records the answers, so that lost writes can be detected after
// a crash.
type load struct {
	writers []*writer
	http    *http.Client
}

// newLoad returns so many writers, half of accounts and half of audios.
func newLoad(writers int) *load {
	l := &load{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}, Timeout: 30 * time.Second}}
	for i := range writers {
		l.add([]kind{accountKind, audioKind}[i%2])
	}
	return l
}

func (l *load) add(k kind) *writer {
	w := &writer{kind: k, http: l.http, key: k.newKey()}
	l.writers = append(l.writers, w)
	return w
}

// state is the state of a resource at one moment.
type state struct {
	exists  bool
	version int64 // of the last change, the deletion included
	value   int   // the value it was changed to
}

// writer changes one resource. It is used by one goroutine at a time.
type writer struct {
	kind kind
	http *http.Client
	key  string // e-mail or session_id
	id   string // as in paths; "" until the server has answered

	known state  // the last answered state
	sent  *state // a request without an answer so far
	n     int    // changes asked for

	doubts bool // an answer that the server is not there, such as 503, is as good as none

	finished map[string]int64 // the subjects left behind, and their last versions
	gone     []string         // those that were deleted since the last comparison
	err      error            // an answer that is wrong
}

// kind has the differences between accounts and audios.
type kind struct {
	collection string
	subject    string // of events
	newKey     func() string
	body       func(key string, value int) string
	value      func(resource map[string]any) int
	// again is true if a deleted resource can be created again under its key.
	again bool
}

var accountKind = kind{
	collection: "/v1/accounts", subject: "account/", newKey: uniqueEmail,
	body: func(key string, value int) string { return profile(strconv.Itoa(value), key, "") },
	value: func(account map[string]any) int {
		value, _ := strconv.Atoi(fmt.Sprint(account["name"]))
		return value
	},
}

var audioKind = kind{
	collection: "/v1/audios", subject: "audio/", again: true,
	newKey: func() string { return strconv.FormatInt(uniqueSession(), 10) },
	body: func(key string, value int) string {
		session := newSession()
		session["session_id"] = json.Number(key)
		session["ticks"].([]any)[0] = json.Number(strconv.FormatFloat(audioTick(value), 'g', -1, 64))
		return encode(session)
	},
	value: func(audio map[string]any) int {
		tick, _ := audio["ticks"].([]any)[0].(float64)
		return int((-10 - tick) * 1024)
	},
}

// audioTick is a tick that stands for a value, without rounding.
func audioTick(value int) float64 { return -10 - float64(value%90_000)/1024 }

// underWay is a load that runs until its server is gone.
type underWay struct {
	begun chan struct{} // closed once writes are answered
	wg    sync.WaitGroup
}

func (u *underWay) wait() { u.wg.Wait() }

func (l *load) run(server string) *underWay {
	u := &underWay{begun: make(chan struct{})}
	var answered atomic.Int64
	for _, w := range l.writers {
		u.wg.Go(func() {
			for w.step(server) {
				if answered.Add(1) == int64(len(l.writers)) {
					close(u.begun)
				}
			}
		})
	}
	return u
}

// report reports the answers that were wrong.
func (l *load) report(t *testing.T) {
	t.Helper()
	for _, w := range l.writers {
		if w.err != nil {
			t.Error(w.err)
		}
	}
}

// step asks for one change and reports whether it was answered as it must be.
func (w *writer) step(server string) bool {
	w.n++
	next := state{exists: true, version: w.known.version + 1, value: w.n}
	method, path, status, body := http.MethodPut, w.kind.collection+"/"+w.id, http.StatusOK, w.kind.body(w.key, w.n)
	switch {
	case !w.known.exists:
		method, path, status = http.MethodPost, w.kind.collection, http.StatusCreated
	case w.n%5 == 0:
		method, status, body = http.MethodDelete, http.StatusNoContent, ""
		next.exists = false
	}
	w.sent = &next
	got, answer, err := w.ask(server, method, path, body)
	if err != nil {
		return false // the server is gone
	}
	if w.doubts && got > http.StatusInternalServerError {
		return false
	}
	if got != status {
		w.err = fmt.Errorf("%s %s: answered %d, want %d: %s", method, path, got, status, answer)
		return false
	}
	if next.exists {
		if w.err = w.learn(answer, next); w.err != nil {
			return false
		}
	}
	w.settle(next)
	return true
}

// learn takes the id from an answer and compares the rest.
func (w *writer) learn(answer []byte, want state) error {
	var resource map[string]any
	if err := json.Unmarshal(answer, &resource); err != nil {
		return fmt.Errorf("%s: %w", answer, err)
	}
	if got := w.stateOf(resource); got != want {
		return fmt.Errorf("%s%s is %+v after the change to %+v", w.kind.subject, w.id, got, want)
	}
	w.id = idOf(resource)
	return nil
}

func (w *writer) stateOf(resource map[string]any) state {
	version, _ := resource["version"].(float64)
	return state{exists: true, version: int64(version), value: w.kind.value(resource)}
}

func idOf(resource map[string]any) string {
	id, ok := resource["id"].(float64)
	if !ok {
		id, _ = resource["session_id"].(float64)
	}
	return strconv.FormatInt(int64(id), 10)
}

// settle makes s the known state. A deleted account is replaced by a new one.
func (w *writer) settle(s state) {
	w.known, w.sent = s, nil
	if s.exists || w.kind.again || s.version == 0 {
		return
	}
	w.gone = append(w.gone, w.kind.subject+w.id)
	w.leave()
}

// leave goes on with a new resource.
func (w *writer) leave() {
	if w.finished == nil {
		w.finished = map[string]int64{}
	}
	if w.known.version > 0 {
		w.finished[w.kind.subject+w.id] = w.known.version
	}
	w.known, w.sent, w.id, w.key = state{}, nil, "", w.kind.newKey()
}

// ask makes a request. The error is that no whole answer came.
func (w *writer) ask(server, method, path, body string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(context.Background(), method, server+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// reconcile compares the answers of each writer with the current state of the
// server. A request without an answer may have taken effect or not.
func (l *load) reconcile(t *testing.T, server string) {
	t.Helper()
	l.http.CloseIdleConnections()
	l.report(t)
	errs := make([]error, len(l.writers))
	atOnce(16, len(l.writers), func(i int) { errs[i] = l.writers[i].reconcile(server) })
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func (w *writer) reconcile(server string) error {
	now, err := w.read(server)
	if err != nil {
		return err
	}
	switch {
	case w.sent != nil && now.exists == w.sent.exists && (!now.exists || now == *w.sent):
		w.settle(*w.sent)
	case now.exists == w.known.exists && (!now.exists || now == w.known):
		w.settle(w.known)
	default:
		return fmt.Errorf("%s%s (%s) is %+v, was answered %+v, then asked for %+v", w.kind.subject, w.id, w.key, now, w.known, w.sent)
	}
	for _, subject := range w.gone {
		path := w.kind.collection + strings.TrimPrefix(subject, "account")
		if status, answer, err := w.ask(server, http.MethodGet, path, ""); err != nil || status != http.StatusNotFound {
			return fmt.Errorf("%s was deleted, is %d %s, %w", path, status, answer, err)
		}
	}
	w.gone = nil
	return nil
}

// read returns the state of the resource on the server, and for an audio
// compares its file.
func (w *writer) read(server string) (state, error) {
	filter := "?session_id="
	if w.kind.subject == accountKind.subject {
		filter = "?email="
	}
	answer, err := w.get(server, w.kind.collection+filter+url.QueryEscape(w.key))
	if err != nil {
		return state{}, err
	}
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal(answer, &list); err != nil || len(list.Items) > 1 {
		return state{}, fmt.Errorf("list of %s: %s: %w", w.key, answer, err)
	}
	if len(list.Items) == 0 {
		return state{}, nil
	}
	now := w.stateOf(list.Items[0])
	w.id = idOf(list.Items[0])
	if w.kind.again {
		file, err := w.get(server, w.kind.collection+"/"+w.id+"/file")
		if want := w.kind.body(w.key, now.value); err != nil || string(file) != want {
			return state{}, fmt.Errorf("file of %s%s is %q, want %q, %w", w.kind.subject, w.id, file, want, err)
		}
	}
	return now, nil
}

// get returns the answer to a GET, which must be 200.
func (w *writer) get(server, path string) ([]byte, error) {
	status, answer, err := w.ask(server, http.MethodGet, path, "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s: answered %d: %s", path, status, answer)
	}
	return answer, err
}

// versions returns the last version of every subject that was written of.
func (l *load) versions() map[string]int64 {
	all := map[string]int64{}
	for _, w := range l.writers {
		maps.Copy(all, w.finished)
		if w.known.version > 0 {
			all[w.kind.subject+w.id] = w.known.version
		}
	}
	return all
}

// sorted returns the subjects in order.
func sorted(versions map[string]int64) []string {
	subjects := make([]string, 0, len(versions))
	for subject := range versions {
		subjects = append(subjects, subject)
	}
	slices.Sort(subjects)
	return subjects
}
