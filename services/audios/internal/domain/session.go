package domain

import (
	"encoding/json"
	"fmt"

	"github.com/concha-labs/backend/pkg/fault"
)

const (
	// MaxID is the largest session id and account id: 2^53-1, the largest
	// integer that every JSON client represents exactly. The smallest session
	// id is 0, the smallest account id is 1.
	MaxID = 1<<53 - 1
	// TickCount is the number of tick levels of a session.
	TickCount = 15
	// MaxStepCount is the largest step. The smallest is 0.
	MaxStepCount = 9

	minTick = -100.0
	maxTick = -10.0
)

// Session is the result of a hearing test. Draft returns valid ones.
type Session struct {
	SessionID    int64  // 0..MaxID, chosen by the client, never changed
	AccountID    *int64 // 1..MaxID, or nil if it belongs to no account
	Ticks        [TickCount]float64
	SelectedTick int // index into Ticks
	StepCount    int // 0..MaxStepCount
}

// Draft is a session as the client sent it, before validation.
type Draft struct {
	SessionID    int64
	AccountID    *int64
	Ticks        []float64
	SelectedTick int64
	StepCount    int64
}

// Session returns the session in d. The error has the kind fault.Invalid and
// lists every broken rule.
func (d Draft) Session() (Session, error) {
	if d.SessionID < 0 || d.SessionID > MaxID {
		return d.check(&fault.Violation{Pointer: "/session_id", Detail: between(0, MaxID)})
	}
	return d.check(nil)
}

// Replacement returns the session in d as a replacement of the one with that
// id, which it must not change. Errors: as in Session.
func (d Draft) Replacement(id int64) (Session, error) {
	if d.SessionID != id {
		return d.check(&fault.Violation{Pointer: "/session_id", Detail: fmt.Sprintf("must be %d, as in the path", id)})
	}
	return d.check(nil)
}

// check returns the session. The error lists the broken rules, including id if
// it is not nil.
func (d Draft) check(id *fault.Violation) (Session, error) {
	var violations []fault.Violation
	if id != nil {
		violations = append(violations, *id)
	}
	add := func(pointer, detail string) {
		violations = append(violations, fault.Violation{Pointer: pointer, Detail: detail})
	}
	if d.AccountID != nil && (*d.AccountID < 1 || *d.AccountID > MaxID) {
		add("/account_id", between(1, MaxID))
	}
	if len(d.Ticks) != TickCount {
		add("/ticks", fmt.Sprintf("must have exactly %d numbers", TickCount))
	}
	var ticks [TickCount]float64
	for i := range copy(ticks[:], d.Ticks) {
		if tick := ticks[i]; !(minTick <= tick && tick <= maxTick) { // false for NaN, too
			add(fmt.Sprintf("/ticks/%d", i), fmt.Sprintf("must be a number in %.1f..%.1f", minTick, maxTick))
		}
	}
	if d.SelectedTick < 0 || d.SelectedTick >= TickCount {
		add("/selected_tick", between(0, TickCount-1))
	}
	if d.StepCount < 0 || d.StepCount > MaxStepCount {
		add("/step_count", between(0, MaxStepCount))
	}
	if err := fault.Invalidate(violations...); err != nil {
		return Session{}, err
	}
	return Session{
		SessionID: d.SessionID, AccountID: d.AccountID, Ticks: ticks,
		SelectedTick: int(d.SelectedTick), StepCount: int(d.StepCount),
	}, nil
}

// Patch is a change of a session as the client sent it, before validation.
// Fields that are nil stay unchanged.
type Patch struct {
	AccountID    **int64 // a pointer to nil removes the account
	Ticks        *[]float64
	SelectedTick *int64
	StepCount    *int64
}

// Validate reports whether the patch keeps every valid session valid. Errors: as
// in Draft.Session.
func (p Patch) Validate() error {
	valid := Session{}
	for i := range valid.Ticks {
		valid.Ticks[i] = minTick
	}
	_, err := valid.patched(p)
	return err
}

// patched returns the session changed by p.
func (s Session) patched(p Patch) (Session, error) {
	d := Draft{
		SessionID: s.SessionID, AccountID: s.AccountID, Ticks: s.Ticks[:],
		SelectedTick: int64(s.SelectedTick), StepCount: int64(s.StepCount),
	}
	if p.AccountID != nil {
		d.AccountID = *p.AccountID
	}
	if p.Ticks != nil {
		d.Ticks = *p.Ticks
	}
	if p.SelectedTick != nil {
		d.SelectedTick = *p.SelectedTick
	}
	if p.StepCount != nil {
		d.StepCount = *p.StepCount
	}
	return d.Session()
}

// Document returns the session as a client might have sent it. The result for a
// session must never change, because rendered files are identified by its hash.
func (s Session) Document() []byte {
	document, err := json.Marshal(struct {
		SessionID    int64              `json:"session_id"`
		AccountID    *int64             `json:"account_id,omitempty"`
		Ticks        [TickCount]float64 `json:"ticks"`
		SelectedTick int                `json:"selected_tick"`
		StepCount    int                `json:"step_count"`
	}{s.SessionID, s.AccountID, s.Ticks, s.SelectedTick, s.StepCount})
	if err != nil {
		panic(err) // a valid session contains only finite numbers
	}
	return document
}

func between(low, high int64) string {
	return fmt.Sprintf("must be an integer in %d..%d", low, high)
}
