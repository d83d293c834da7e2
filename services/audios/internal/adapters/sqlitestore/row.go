package sqlitestore

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

const columns = `session_id, account_id, ticks, selected_tick, step_count, file_object, file_bytes, file_sha256, owner, version, created_at, updated_at`

// scan reads columns.
func scan(row interface{ Scan(dest ...any) error }) (domain.Audio, error) { return scanWith(row) }

// scanWith reads columns, and the further columns of a statement into rest.
func scanWith(row interface{ Scan(dest ...any) error }, rest ...any) (domain.Audio, error) {
	var a domain.Audio
	var owner sql.NullString
	var created, updated int64
	if err := row.Scan(append([]any{
		&a.SessionID, &a.AccountID, (*ticks)(&a.Ticks), &a.SelectedTick, &a.StepCount,
		&a.File.Object, &a.File.SizeBytes, &a.File.SHA256, &owner, &a.Version, &created, &updated,
	}, rest...)...); err != nil {
		return domain.Audio{}, err
	}
	if a.File.Object == keptName(a.SessionID) {
		a.File.Object, a.File.Kept = "", true
	}
	a.Owner = owner.String
	a.CreatedAt, a.UpdatedAt = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
	return a, nil
}

// keptName is the object of a document in the table documents. There is no such
// object. See objectOf.
func keptName(sessionID int64) string { return strconv.FormatInt(sessionID, 10) + "/kept.json" }

// objectOf returns the column file_object of an audio.
func objectOf(a domain.Audio) string {
	if a.File.Kept {
		return keptName(a.SessionID)
	}
	return a.File.Object
}

// scanAll reads rows and closes them.
func scanAll(rows *sqlitedb.Rows) (audios []domain.Audio, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		a, err := scan(rows)
		if err != nil {
			return nil, err
		}
		audios = append(audios, a)
	}
	return audios, rows.Err()
}

// tickBytes is the size of a float64.
const tickBytes = 8

// toBlob encodes ticks as their bits. This is exact, and takes a hundredth of
// the time of JSON.
func toBlob(ticks [domain.TickCount]float64) []byte {
	blob := make([]byte, 0, domain.TickCount*tickBytes)
	for _, tick := range ticks {
		blob = binary.LittleEndian.AppendUint64(blob, math.Float64bits(tick))
	}
	return blob
}

// ticks is the destination of the column ticks.
type ticks [domain.TickCount]float64

// Scan implements sql.Scanner.
func (t *ticks) Scan(column any) error {
	blob, _ := column.([]byte)
	if len(blob) != len(t)*tickBytes {
		return fmt.Errorf("ticks of %d bytes", len(blob))
	}
	for i := range t {
		t[i] = math.Float64frombits(binary.LittleEndian.Uint64(blob[i*tickBytes:]))
	}
	return nil
}
