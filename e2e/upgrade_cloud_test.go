//go:build cloud && upgrade

package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestRollingUpgrade replaces the replicas of an earlier release, whose programs
// are in the folder PREVIOUS_PROGRAMS, by this one's while clients write: forth,
// back, and forth again, on a schema that this one has migrated. Then it drops the
// indexes that only the earlier release used. Every request is answered, and a
// subscriber of the topics has the same content as the database, without a gap.
func TestRollingUpgrade(t *testing.T) {
	previous := os.Getenv("PREVIOUS_PROGRAMS")
	if previous == "" {
		t.Fatal("PREVIOUS_PROGRAMS is not set: run make upgrade-check")
	}
	f := newFleet(t)
	this := f.programs
	f.programs = previous
	f.run(t, "accounts", "provision")
	f.run(t, "audios", "provision")
	replicas := []*process{
		f.start(t, "accounts"), f.startAt(t, "accounts", freePort(t)),
		f.start(t, "audios"), f.startAt(t, "audios", freePort(t)),
	}
	addresses := []string{
		"CONCHA_ACCOUNTS_URL=" + replicas[0].url + "," + replicas[1].url,
		"CONCHA_AUDIOS_URL=" + replicas[2].url + "," + replicas[3].url,
	}
	for _, r := range replicas {
		r.becomes(t, "/readyz", http.StatusOK)
	}
	gateway := f.start(t, "gateway", addresses...)
	gateway.becomes(t, "/readyz", http.StatusOK)
	accountEvents, audioEvents := f.listen(t, "account-events-v1"), f.listen(t, "audio-events-v1")

	load := newLoad(16)
	writers := len(load.writers)
	stop := load.keep(gateway.url, 20*time.Millisecond)
	defer stop()
	f.programs = this
	f.run(t, "accounts", "migrate")
	f.run(t, "audios", "migrate")
	for _, programs := range []string{this, previous, this} {
		f.programs = programs
		for i, r := range replicas {
			r.terminate(t)
			replicas[i] = f.restart(t, r)
			accountEvents.read(t)
			audioEvents.read(t)
		}
	}
	f.run(t, "accounts", "retire")
	f.run(t, "audios", "retire")
	next := f.startAt(t, "gateway", freePort(t), addresses...)
	next.becomes(t, "/readyz", http.StatusOK)
	stop()
	stopNext := load.keep(next.url, 20*time.Millisecond)
	gateway.terminate(t)
	moment()
	stopNext()
	if doubtful := len(load.writers) - writers; doubtful > 0 {
		t.Errorf("%d requests failed", doubtful)
	}
	load.reconcile(t, next.url)
	load.report(t)
	versions := load.versions()
	accountEvents.until(t, accountKind.subject, versions)
	audioEvents.until(t, audioKind.subject, versions)
	accountEvents.compare(t, next.url, accountKind, versions)
	audioEvents.compare(t, next.url, audioKind, versions)
	if said := next.stderr.String(); strings.Contains(said, `"ERROR"`) {
		t.Errorf("the gateway says %s", said)
	}
	t.Logf("%d resources; %d and %d events", len(versions), accountEvents.taken, audioEvents.taken)
}
