package domain_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func draft(edit func(*domain.Draft)) domain.Draft {
	d := domain.Draft{SessionID: 7, Ticks: make([]float64, 15), SelectedTick: 3, StepCount: 4}
	for i := range d.Ticks {
		d.Ticks[i] = -89.03999999999999 + float64(i)
	}
	edit(&d)
	return d
}

func pointers(err error) (found []string) {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		for _, v := range f.Violations {
			found = append(found, v.Pointer)
		}
	}
	return found
}

func TestSessionListsEveryViolation(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*domain.Draft)
		want []string
	}{
		{"valid", func(*domain.Draft) {}, nil},
		{"smallest", func(d *domain.Draft) {
			*d = domain.Draft{SessionID: 0, AccountID: new(int64(1)), Ticks: d.Ticks}
			d.Ticks[0] = -100
		}, nil},
		{"largest", func(d *domain.Draft) {
			*d = domain.Draft{SessionID: domain.MaxID, AccountID: new(int64(domain.MaxID)), Ticks: d.Ticks, SelectedTick: 14, StepCount: 9}
			d.Ticks[14] = -10
		}, nil},
		{"below the smallest", func(d *domain.Draft) {
			*d = domain.Draft{SessionID: -1, AccountID: new(int64(0)), Ticks: d.Ticks, SelectedTick: -1, StepCount: -1}
			d.Ticks[0] = math.Nextafter(-100, -101)
		}, []string{"/session_id", "/account_id", "/ticks/0", "/selected_tick", "/step_count"}},
		{"above the largest", func(d *domain.Draft) {
			*d = domain.Draft{SessionID: domain.MaxID + 1, AccountID: new(int64(domain.MaxID + 1)), Ticks: d.Ticks, SelectedTick: 15, StepCount: 10}
			d.Ticks[3], d.Ticks[14] = math.Nextafter(-10, 0), 0
		}, []string{"/session_id", "/account_id", "/ticks/3", "/ticks/14", "/selected_tick", "/step_count"}},
		{"no numbers", func(d *domain.Draft) {
			d.Ticks[1], d.Ticks[2], d.Ticks[3] = math.NaN(), math.Inf(-1), math.Inf(1)
		}, []string{"/ticks/1", "/ticks/2", "/ticks/3"}},
		{"14 ticks", func(d *domain.Draft) { d.Ticks = d.Ticks[:14] }, []string{"/ticks"}},
		{"16 ticks, two of them wrong", func(d *domain.Draft) {
			d.Ticks = append(d.Ticks, 0)
			d.Ticks[2] = 0
		}, []string{"/ticks", "/ticks/2"}},
		{"no ticks", func(d *domain.Draft) { d.Ticks = nil }, []string{"/ticks"}},
		{"far too large", func(d *domain.Draft) { d.SelectedTick, d.StepCount = math.MaxInt64, math.MinInt64 }, []string{"/selected_tick", "/step_count"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := draft(c.edit).Session()
			if diff := cmp.Diff(c.want, pointers(err)); diff != "" {
				t.Errorf("pointers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplacementKeepsTheSession(t *testing.T) {
	valid := draft(func(*domain.Draft) {})
	if s, err := valid.Replacement(7); err != nil || s.SessionID != 7 {
		t.Errorf("Replacement(7) = %v, %v", s, err)
	}
	invalid := draft(func(d *domain.Draft) { d.SessionID, d.StepCount = -1, 10 })
	_, err := invalid.Replacement(7)
	if diff := cmp.Diff([]string{"/session_id", "/step_count"}, pointers(err)); diff != "" {
		t.Errorf("pointers (-want +got):\n%s", diff)
	}
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Violations[0].Detail != "must be 7, as in the path" {
		t.Errorf("error %v", err)
	}
}

func FuzzNewAudio(f *testing.F) {
	f.Add(int64(7), int64(1), int64(3), int64(4), make([]byte, 120))
	f.Add(int64(-1), int64(0), int64(15), int64(10), []byte("\x00\x00\x00\x00\x00\x00\xf8\x7f"))
	var ticks []byte
	for range 15 {
		ticks = binary.LittleEndian.AppendUint64(ticks, math.Float64bits(-10))
	}
	f.Add(int64(0), int64(1<<53), int64(0), int64(0), ticks)
	f.Fuzz(func(t *testing.T, sessionID, accountID, selected, steps int64, raw []byte) {
		d := domain.Draft{SessionID: sessionID, AccountID: &accountID, SelectedTick: selected, StepCount: steps}
		for ; len(raw) >= 8; raw = raw[8:] {
			d.Ticks = append(d.Ticks, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
		}
		s, err := d.Session()
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || len(pointers(err)) == 0 {
				t.Errorf("Session() = %v, want Invalid with violations", err)
			}
			return
		}
		a := domain.New(s, domain.File{}, 0, epoch)
		again := domain.Draft{
			SessionID: a.SessionID, AccountID: a.AccountID, Ticks: a.Ticks[:],
			SelectedTick: int64(a.SelectedTick), StepCount: int64(a.StepCount),
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Errorf("a valid session does not stay as it is (-want +got):\n%s", diff)
		}
	})
}
