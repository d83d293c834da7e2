package audios_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/events"
)

// wantObjects waits until the object store has so many objects.
func (c *client) wantObjects(want int) {
	c.t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	patience := time.After(10 * time.Second)
	for {
		files, err := filepath.Glob(filepath.Join(c.dir, "files", "*.json"))
		if err != nil {
			c.t.Fatal(err)
		}
		if len(files) == want {
			return
		}
		select {
		case <-poll.C:
		case <-patience:
			c.t.Fatalf("%d objects, want %d", len(files), want)
		}
	}
}

// told waits until the service has published an event, and skips those before.
func (c *client) told(id string) (attributes map[string]string) {
	c.t.Helper()
	patience := time.After(10 * time.Second)
	for {
		select {
		case msg := <-c.published:
			if msg.Attributes["ce-id"] == id {
				return msg.Attributes
			}
		case <-patience:
			c.t.Fatalf("event %s is not published", id)
		}
	}
}

func TestReplacedAndRemovedFilesAreCollected(t *testing.T) {
	c := start(t)
	c.create(document(1, ""))
	c.sendJSON("PUT", "/v1/audios/1", document(1, " ")).want(t, 200)
	c.told("audio/1/1")
	c.told("audio/1/2")
	c.wantObjects(1)
	if got := c.send("GET", "/v1/audios/1/file", ""); string(got.body) != document(1, " ") {
		t.Errorf("the file is %q", got.body)
	}
	c.send("DELETE", "/v1/audios/1", "").want(t, 204)
	c.told("audio/1/3")
	c.wantObjects(0)
}

func TestDeletedAccountTakesItsSessionsAlong(t *testing.T) {
	c := start(t)
	c.create(document(1, `, "account_id": 5`))
	c.create(document(2, `, "account_id": 6`))
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	c.publish(events.Event{Type: events.AccountUpdatedV1, Subject: "account/6", Version: 2})
	c.publish(events.Event{Type: "concha.account.deleted.v2", Subject: "account/6", Version: 3})
	c.publish(events.Event{Type: events.AccountDeletedV1, Subject: "account/5", Version: 3, Traceparent: trace})
	c.send("GET", "/v1/audios/1", "").want(t, 404)
	c.send("GET", "/v1/audios/2", "").want(t, 200)
	c.sendJSON("PUT", "/v1/audios/2", document(2, `, "account_id": 5`)).wantProblem(t, 400, "validation-error", "/account_id")
	c.wantObjects(1)
	deleted := c.told("audio/1/2")
	if deleted["ce-type"] != events.AudioDeletedV1 || deleted["ce-traceparent"] != trace {
		t.Errorf("the deletion's event is %v", deleted)
	}
}
