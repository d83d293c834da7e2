package record

import (
	"errors"
	"testing"
	"time"

	"github.com/concha-labs/backend/services/audios/internal/app"
)

// The stored form never changes: a later release has to read it.
func TestReconciliation(t *testing.T) {
	const stored = `{"Cursor":"c","Read":"2026-01-02T03:04:05Z","Comparing":true,"Compared":7,"Holder":"h","Until":"2026-01-02T03:05:05Z"}`
	read := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := app.Reconciliation{Cursor: "c", Read: read, Comparing: true, Compared: 7, Holder: "h", Until: read.Add(time.Minute)}
	same := func(current app.Reconciliation) (app.Reconciliation, error) { return current, nil }
	next, state, err := ChangeReconciliation(stored, same)
	if err != nil || next != want || state != stored {
		t.Errorf("ChangeReconciliation = %+v, %s, %v, want %+v, %s", next, state, err, want, stored)
	}
	if next, _, err := ChangeReconciliation("", same); err != nil || next != (app.Reconciliation{}) {
		t.Errorf("ChangeReconciliation of nothing = %+v, %v", next, err)
	}
	refusal := errors.New("refused")
	if _, _, err := ChangeReconciliation(stored, func(app.Reconciliation) (app.Reconciliation, error) { return app.Reconciliation{}, refusal }); !errors.Is(err, refusal) {
		t.Errorf("error %v, want that of change", err)
	}
	if _, _, err := ChangeReconciliation("{", same); err == nil {
		t.Error("broken JSON is taken")
	}
}
