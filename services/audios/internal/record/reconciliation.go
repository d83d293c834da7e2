package record

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/concha-labs/backend/services/audios/internal/app"
)

type reconciliation struct {
	Cursor    string    `json:"Cursor"`
	Read      time.Time `json:"Read"`
	Comparing bool      `json:"Comparing"`
	Compared  int64     `json:"Compared"`
	Holder    string    `json:"Holder"`
	Until     time.Time `json:"Until"`
}

// ChangeReconciliation returns the result of change, and its JSON. stored is the
// JSON of the current app.Reconciliation, "" if there is none. Errors: change's
// own.
func ChangeReconciliation(stored string, change func(app.Reconciliation) (app.Reconciliation, error)) (next app.Reconciliation, state string, err error) {
	var current reconciliation
	if stored != "" {
		if err := json.Unmarshal([]byte(stored), &current); err != nil {
			return next, "", fmt.Errorf("decode the stored reconciliation: %w", err)
		}
	}
	if next, err = change(app.Reconciliation(current)); err != nil {
		return next, "", err
	}
	text, err := json.Marshal(reconciliation(next))
	return next, string(text), err
}
