package spannerstore

import (
	"fmt"
	"strconv"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/services/audios/internal/domain"
)

var columns = []string{
	"SessionId", "AccountId", "Ticks", "SelectedTick", "StepCount",
	"FileObject", "FileBytes", "FileSha256", "Owner", "Version", "CreatedAt", "UpdatedAt",
}

// scan reads columns, and the further columns of a statement into rest.
func scan(r *spanner.Row, rest ...any) (domain.Audio, error) {
	var a domain.Audio
	var ticks []float64
	var selectedTick, stepCount int64
	var owner spanner.NullString
	if err := r.Columns(append([]any{
		&a.SessionID, &a.AccountID, &ticks, &selectedTick, &stepCount,
		&a.File.Object, &a.File.SizeBytes, &a.File.SHA256, &owner, &a.Version, &a.CreatedAt, &a.UpdatedAt,
	}, rest...)...); err != nil {
		return domain.Audio{}, err
	}
	if a.File.Object == keptName(a.SessionID) {
		a.File.Object, a.File.Kept = "", true
	}
	if len(ticks) != domain.TickCount {
		return domain.Audio{}, fmt.Errorf("audio %d has %d ticks", a.SessionID, len(ticks))
	}
	a.Ticks = [domain.TickCount]float64(ticks)
	a.SelectedTick, a.StepCount = int(selectedTick), int(stepCount)
	a.Owner = owner.StringVal
	a.CreatedAt, a.UpdatedAt = a.CreatedAt.UTC(), a.UpdatedAt.UTC()
	return a, nil
}

// keptName is the object of a document in the table Documents. There is no such
// object. The name is one that earlier releases give to objects of the session:
// a replica of such a release finds that the object is missing, and an object
// that it stores under the name is swept.
func keptName(sessionID int64) string { return strconv.FormatInt(sessionID, 10) + "/kept.json" }

// objectOf returns the column FileObject of an audio.
func objectOf(a domain.Audio) string {
	if a.File.Kept {
		return keptName(a.SessionID)
	}
	return a.File.Object
}

// scanAll reads rows of columns, and closes them.
func scanAll(rows *spanner.RowIterator) (audios []domain.Audio, err error) {
	err = rows.Do(func(r *spanner.Row) error {
		a, err := scan(r)
		audios = append(audios, a)
		return err
	})
	return audios, err
}

// values returns the values of an audio in the order of columns.
func values(a domain.Audio) []any {
	return []any{
		a.SessionID, a.AccountID, a.Ticks[:], int64(a.SelectedTick), int64(a.StepCount),
		objectOf(a), a.File.SizeBytes, a.File.SHA256,
		spanner.NullString{StringVal: a.Owner, Valid: a.Owner != ""},
		a.Version, a.CreatedAt, a.UpdatedAt,
	}
}
