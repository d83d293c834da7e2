// Package domain contains the rules of audio sessions.
package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/resource"
)

// The errors of audios.
var (
	ErrNotFound     = fault.New(fault.NotFound, "no-such-audio", "there is no such audio session")
	ErrFileLost     = fault.New(fault.Lost, "content-missing", "the content of the file is missing from the object store; replace the audio session, or restore the file from a backup")
	ErrSessionTaken = fault.New(fault.Conflict, "session-taken", "an audio session of this session_id exists; use another session_id, or replace that session")
	// ErrAccountDeleted means that the account of a session has been deleted.
	ErrAccountDeleted = &fault.Error{
		Kind: fault.Invalid, Code: "account-deleted", Detail: "the account of the audio session has been deleted",
		Violations: []fault.Violation{{Pointer: "/account_id", Detail: "must not be a deleted account"}},
	}
	// ErrAccountUnknown means that the account of a session is not known to be
	// owned by a caller that may use only its own resources.
	ErrAccountUnknown = &fault.Error{
		Kind: fault.Invalid, Code: "account-unknown", Detail: "the account of the audio session is not known as one of the caller's",
		Violations: []fault.Violation{{Pointer: "/account_id", Detail: "must be an account of the caller; if it was created a moment ago, repeat the request"}},
	}
)

// Audio is an audio session with its document.
type Audio struct {
	Session
	File File
	resource.Meta
}

// Key returns the session id.
func (a Audio) Key() int64 { return a.SessionID }

// MaxKept is the size in bytes of the largest document that is kept in the
// database. A session of 15 ticks takes about 300 bytes, so the object store
// holds only documents with much content of their own. A larger limit would let
// one row take as long to write as hundreds.
const MaxKept = 64 << 10

// File is the document of an audio: byte for byte as it was sent or, after a
// patch of its values, rendered from the session.
type File struct {
	// Object is the name of the content in the object store, if it is there.
	Object string
	// Kept reports that the content is in the database, beside the audio. If it
	// is false and Object is "", the content is Session.Document.
	Kept bool
	// Content is set if the content is kept and is to be written, or was asked
	// for. Otherwise it is "".
	Content   string
	SizeBytes int64
	SHA256    string // lower-case hex
}

// Rendered reports whether the content is Session.Document.
func (f File) Rendered() bool { return f.Object == "" && !f.Kept }

// New returns an audio at the version after last, the last version of an
// earlier session with this id, or 0.
func New(s Session, f File, last int64, now time.Time) Audio {
	return Audio{Session: s, File: f, Meta: resource.NewMeta(last, now)}
}

// WithSession returns the audio with the session s, whose SessionID must be the
// same, and the file f. It also returns the names of the fields that differ. If
// none differs, it returns the audio unchanged. The same content in another
// object is not a difference, and the audio keeps its file. The same values in
// other bytes are one, because documents are kept byte for byte.
func (a Audio) WithSession(s Session, f File, now time.Time) (changed Audio, fields []string) {
	if !same(a.AccountID, s.AccountID) {
		fields = append(fields, "account_id")
	}
	if a.Ticks != s.Ticks {
		fields = append(fields, "ticks")
	}
	if a.SelectedTick != s.SelectedTick {
		fields = append(fields, "selected_tick")
	}
	if a.StepCount != s.StepCount {
		fields = append(fields, "step_count")
	}
	if a.File.SHA256 != f.SHA256 {
		fields, a.File = append(fields, "file_url"), f
	}
	if fields == nil {
		return a, nil
	}
	a.Session, a.Meta = s, a.Next(now)
	return a, fields
}

// WithPatch returns the audio changed by p, and the names of the fields that
// differ. If none differs, it returns the audio unchanged. If only the account
// changes, the document stays as it was sent. Otherwise it is rendered anew,
// because its values would be outdated. Errors: those of Patch.Validate.
func (a Audio) WithPatch(p Patch, now time.Time) (changed Audio, fields []string, err error) {
	s, err := a.patched(p)
	if err != nil {
		return Audio{}, nil, err
	}
	f, told := a.File, a.Session
	told.AccountID = s.AccountID
	if told != s || f.Rendered() {
		f = renderedFile(s)
	}
	changed, fields = a.WithSession(s, f, now)
	return changed, fields, nil
}

func renderedFile(s Session) File {
	document := s.Document()
	sum := sha256.Sum256(document)
	return File{SizeBytes: int64(len(document)), SHA256: hex.EncodeToString(sum[:])}
}

func same(a, b *int64) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}
