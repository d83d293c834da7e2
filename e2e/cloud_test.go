//go:build cloud

package e2e

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/spannerdb"
)

// outage is how long each of the backends without which requests go on is
// away: OUTAGE, or a second.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text, ok := os.LookupEnv("OUTAGE")
	if !ok {
		return time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("OUTAGE: %v", err)
	}
	return d
}

// recovery is how long after an outage of Pub/Sub, however long that was,
// events may take to come again.
const recovery = 15 * time.Second

// TestThreeProcesses starts the three processes on the emulators in an order
// that does not help, takes one emulator after the other from them, and then
// runs every scenario of the whole system.
func TestThreeProcesses(t *testing.T) {
	f := newFleet(t)
	gateway := f.start(t, "gateway")
	gateway.becomes(t, "/livez", http.StatusOK)
	gateway.becomes(t, "/readyz", http.StatusServiceUnavailable).mentions(t, `"accounts"`, `"audios"`)
	gateway.becomes(t, "/v1/accounts", http.StatusServiceUnavailable).problem(t, "unavailable")

	f.provision(t, "accounts")
	f.provision(t, "audios")
	t.Run("the schema is behind", f.schemaBehind)
	audios, accounts := f.start(t, "audios"), f.start(t, "accounts")
	gateway.becomes(t, "/readyz", http.StatusOK)

	t.Run("without Pub/Sub", func(t *testing.T) {
		accountEvents, audioEvents := f.listen(t, "account-events-v1"), f.listen(t, "audio-events-v1")
		load := newLoad(16)
		for name, fail := range map[string]func(){"refuses": f.broker.refuse, "hangs": f.broker.hang} {
			t.Run(name, func(t *testing.T) {
				var back time.Time
				load.during(t, gateway.url, fail, func() {
					accountEvents.drain(t)
					audioEvents.drain(t)
					f.broker.restore()
					back = time.Now()
				})
				accountEvents.resumes(t, recovery-time.Since(back))
				audioEvents.resumes(t, recovery-time.Since(back))
				t.Logf("there were events again %v after Pub/Sub was back", time.Since(back))
				accountEvents.until(t, accountKind.subject, load.versions())
				audioEvents.until(t, audioKind.subject, load.versions())
				t.Logf("all events of %d resources were there %v after Pub/Sub was back", len(load.versions()), time.Since(back))
			})
		}
	})
	f.renewSubscriptions(t)
	for name, fail := range map[string]func(){"refuses": f.spanner.refuse, "hangs": f.spanner.hang} {
		t.Run("without Spanner: "+name, func(t *testing.T) { withoutSpanner(t, gateway, accounts, audios, fail, f.spanner.restore) })
	}
	for name, fail := range map[string]func(){"refuses": f.storage.refuse, "hangs": f.storage.hang} {
		t.Run("without the buckets: "+name, func(t *testing.T) { withoutBuckets(t, gateway, fail, f.storage.restore) })
	}
	// Less than elsewhere: the emulator of Spanner reads whole tables, that of
	// Pub/Sub keeps a thread for each ordering key.
	scenarios(t, gateway.url, volume{accounts: 1003, writers: 16, changes: 10, batch: 250})
	t.Run("idle", f.idle)
	t.Run("metrics", func(t *testing.T) {
		for _, service := range []*process{accounts, audios} {
			name := service.name
			service.measures(t, "go_goroutines ", "go_gc_gogc_percent 200", "process_resident_memory_bytes ", `concha_build_info{goversion="go`,
				`http_server_request_duration_seconds_count{method="GET",route="/v1/`+name+`/{`, `service="`+name+`",status="200"} `,
				`concha_event_publish_delay_seconds_count{log="`+name+`"} `, `concha_event_handle_delay_seconds_count{log="`+name+`",subscription="`+name+`-self"} `,
				`concha_messages_handled_total{subscription="`+name+`-self"} `, `concha_messages_retried_total{subscription="`+name+`-self"} `,
				`concha_messages_dead_lettered_total{subscription="`+name+`-self"} 0`, `concha_relay_shards{log="`+name+`"} 16`,
				`concha_relay_published_total{log="`+name+`"} `, `concha_relay_oldest_unpublished_age_seconds{log="`+name+`"} 0`,
				`concha_relay_retries_total{log="`+name+`"} `, `concha_relay_lease_changes_total{log="`+name+`"} `,
				"concha_spanner_retries_total ", `concha_spanner_duration_seconds_count{kind="write"} `, `concha_open_streams{kind="stream",log="`+name+`"} `)
		}
		gateway.measures(t, "go_goroutines ", "go_gc_gogc_percent 400", `service="gateway",status="201"} `,
			`concha_upstream_request_duration_seconds_count{status="200",upstream="accounts"} `, `concha_upstream_ejections_total{upstream="audios"} `)
		for _, path := range []string{"/metrics", "/debug/pprof/"} { // on the public port
			gateway.becomes(t, path, http.StatusNotFound)
			accounts.becomes(t, path, http.StatusUnauthorized)
			audios.becomes(t, path, http.StatusUnauthorized)
		}
	})
	t.Run("stop", func(t *testing.T) {
		var following sync.WaitGroup
		following.Go(newClient(t, gateway.url).openStream("/v1/events/accounts").ends)
		f.broker.refuse() // which must not keep a process from ending
		for _, p := range []*process{audios, accounts, gateway} {
			p.terminate(t)
		}
		following.Wait()
	})
}

// idle checks the number of calls that two unused services make to their
// databases, including the renewal of leases.
func (f *fleet) idle(t *testing.T) {
	const (
		most   = 4.0 // a second and service
		window = 3 * time.Second
	)
	deadline := time.Now().Add(time.Minute) // it is not idle until a while after the last event
	for {
		before := f.spanner.requests.Load()
		<-time.After(window)
		rate := float64(f.spanner.requests.Load()-before) / window.Seconds() / 2
		if rate > 0 && rate <= most {
			t.Logf("%.1f requests a second and service", rate)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%.1f requests a second and service, want at most %.1f", rate, most)
		}
	}
}

// schemaBehind starts a process before its database has been migrated. It has a
// bucket of its own, and answers without a gateway.
func (f *fleet) schemaBehind(t *testing.T) {
	bucket := "CONCHA_BUCKET=" + f.project + "-behind"
	f.run(t, "accounts", "provision", bucket, "CONCHA_SPANNER_DATABASE="+f.database("beside"))
	setting := "CONCHA_SPANNER_DATABASE=" + f.database("behind")
	if _, err := spannerdb.Provision(t.Context(), f.database("behind")); err != nil {
		t.Fatal(err)
	}
	p := f.start(t, "accounts", append(withoutGateway(), setting, bucket)...)
	p.becomes(t, "/livez", http.StatusOK)
	p.becomes(t, "/readyz", http.StatusServiceUnavailable).mentions(t, `"database"`, "run the migrate command")
	ask(http.MethodPost, p.url+"/v1/accounts", "application/json", profile("Jo", uniqueEmail(), "")).problem(t, "unavailable")
	ask(http.MethodGet, p.url+"/v1/accounts", "", "").problem(t, "unavailable")
	f.run(t, "accounts", "migrate", setting)
	f.run(t, "accounts", "migrate", setting)
	p.becomes(t, "/readyz", http.StatusOK)
	p.terminate(t)
}

// during runs the writers before, during and after an outage, which must not
// affect them.
func (l *load) during(t *testing.T, url string, fail, restore func()) {
	t.Helper()
	away := outage(t)
	// A longer outage has no more events: the emulator of Pub/Sub keeps a thread
	// for each ordering key.
	pace := away / 200
	done := make(chan struct{})
	var answered atomic.Int64
	var wg sync.WaitGroup
	for _, w := range l.writers {
		wg.Go(func() {
			for w.step(url) {
				answered.Add(1)
				select {
				case <-done:
					return
				case <-time.After(pace):
				}
			}
			t.Errorf("a write failed: %v, after %+v", w.err, w.sent)
		})
	}
	<-time.After(time.Second)
	before := answered.Load()
	fail()
	<-time.After(away)
	meanwhile := answered.Load() - before
	restore()
	<-time.After(time.Second)
	close(done)
	wg.Wait()
	l.reconcile(t, url)
	t.Logf("%d writes were answered in %v without Pub/Sub, %d in all", meanwhile, away, answered.Load())
}

// patience is how long an answer may take while Spanner is down: a service gives
// up after 6 seconds, and the machine is busy.
const patience = 20 * time.Second

func withoutSpanner(t *testing.T, gateway, accounts, audios *process, fail, restore func()) {
	account := ask(http.MethodPost, gateway.url+"/v1/accounts", "application/json", profile("Jo", uniqueEmail(), "")).expect(t, http.StatusCreated)
	fail()
	var wg sync.WaitGroup
	for range 3 { // in turns, and all at once
		for _, call := range []call{
			{method: http.MethodGet, path: "/v1/accounts/" + account.id()},
			{method: http.MethodGet, path: "/v1/accounts?page_size=1"},
			{method: http.MethodGet, path: "/accounts/" + account.id()},
			{method: http.MethodGet, path: "/v1/audios"},
			{method: http.MethodPost, path: "/v1/accounts", body: profile("Jo", uniqueEmail(), "")},
			{method: http.MethodPut, path: "/v1/accounts/" + account.id(), body: profile("Jo", uniqueEmail(), "")},
			{method: http.MethodDelete, path: "/v1/accounts/" + account.id()},
			{method: http.MethodPost, path: "/v1/audios", body: encode(newSession())},
			{method: http.MethodPost, path: "/audios", body: encode(newSession())},
		} {
			wg.Go(func() {
				begun := time.Now()
				ask(call.method, gateway.url+call.path, "application/json", call.body).problem(t, "unavailable")
				if took := time.Since(begun); took > patience {
					t.Errorf("%s %s took %v", call.method, call.path, took)
				}
			})
		}
	}
	for _, p := range []*process{accounts, audios} {
		p.becomes(t, "/readyz", http.StatusServiceUnavailable).mentions(t, `"database"`)
		p.get("/livez").expect(t, http.StatusOK)
	}
	gateway.becomes(t, "/readyz", http.StatusServiceUnavailable).mentions(t, `"accounts"`, `"audios"`, "; database: ")
	gateway.get("/livez").expect(t, http.StatusOK)
	wg.Wait()

	restore()
	gateway.becomes(t, "/readyz", http.StatusOK)
	gateway.get("/v1/accounts/"+account.id()).expect(t, http.StatusOK)
	ask(http.MethodPut, gateway.url+"/v1/accounts/"+account.id(), "application/json", profile("Jo", uniqueEmail(), "")).expect(t, http.StatusOK)
	ask(http.MethodPost, gateway.url+"/v1/audios", "application/json", encode(newSession())).expect(t, http.StatusCreated)
}

func withoutBuckets(t *testing.T, gateway *process, fail, restore func()) {
	account := ask(http.MethodPost, gateway.url+"/v1/accounts", "application/json", profile("Jo", uniqueEmail(), "")).expect(t, http.StatusCreated)
	path := gateway.url + "/v1/accounts/" + account.id()
	image := pngOf(2, 2)
	ask(http.MethodPut, path+"/image", "image/png", image).expect(t, http.StatusOK)
	fail()
	ask(http.MethodPut, path, "application/json", profile("Ann", uniqueEmail(), "")).expect(t, http.StatusOK)
	other := ask(http.MethodPost, gateway.url+"/v1/accounts", "application/json", profile("Jo", uniqueEmail(), "")).expect(t, http.StatusCreated)
	ask(http.MethodDelete, gateway.url+"/v1/accounts/"+other.id(), "", "").expect(t, http.StatusNoContent)
	ask(http.MethodPost, gateway.url+"/v1/audios", "application/json", encode(newSession())).expect(t, http.StatusCreated) // its document is in the database
	large := encode(newSession()) + strings.Repeat(" ", 70_000)
	var wg sync.WaitGroup
	wg.Go(func() { ask(http.MethodPut, path+"/image", "image/png", pngOf(3, 3)).problem(t, "unavailable") })
	wg.Go(func() { ask(http.MethodGet, path+"/image", "", "").problem(t, "unavailable") })
	wg.Go(func() {
		ask(http.MethodPost, gateway.url+"/v1/audios", "application/json", large).problem(t, "unavailable")
	})
	gateway.becomes(t, "/readyz", http.StatusServiceUnavailable).mentions(t, "; images: ", "; files: ")
	gateway.get("/livez").expect(t, http.StatusOK)
	wg.Wait()

	restore()
	gateway.becomes(t, "/readyz", http.StatusOK)
	if got := ask(http.MethodGet, path+"/image", "", "").expect(t, http.StatusOK); string(got.body) != image {
		t.Error("the image is another one")
	}
	ask(http.MethodPut, path+"/image", "image/png", pngOf(3, 3)).expect(t, http.StatusOK)
	ask(http.MethodPost, gateway.url+"/v1/audios", "application/json", large).expect(t, http.StatusCreated)
}

// reply is the answer to ask; its status is 0 if there was none.
type reply struct {
	call   string
	status int
	body   []byte
}

// ask makes a request outside of any client: here a 503 may be the right
// answer.
func ask(method, url, contentType, body string) reply {
	r := reply{call: method + " " + url}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		r.body = []byte(err.Error())
		return r
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		r.body = []byte(err.Error())
		return r
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		r.status, r.body = resp.StatusCode, body
	}
	return r
}

// expect ends the test unless the answer has this status.
func (r reply) expect(t *testing.T, status int) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("%s: answered %d, want %d: %s", r.call, r.status, status, r.body)
	}
	return r
}

// problem reports an answer that is not this problem with status 503.
func (r reply) problem(t *testing.T, name string) {
	t.Helper()
	if r.status != http.StatusServiceUnavailable || problemName(r.body) != name {
		t.Errorf("%s: answered %d, want 503 %s: %s", r.call, r.status, name, r.body)
	}
}

// mentions reports an answer that lacks one of these texts.
func (r reply) mentions(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(string(r.body), text) {
			t.Errorf("%s: does not mention %s: %s", r.call, text, r.body)
		}
	}
}

// id returns the id of the account in the answer.
func (r reply) id() string { return encode(decodeObject(answer{body: r.body})["id"]) }
