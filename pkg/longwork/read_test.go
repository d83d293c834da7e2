package longwork

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// Each text is read into pieces of memory that others have used.
func TestReadAll(t *testing.T) {
	for _, length := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, long - 1, long, 5 << 20} {
		t.Run(strconv.Itoa(length), func(t *testing.T) {
			want := make([]byte, length)
			for i := range want {
				want[i] = byte(i * length >> 8)
			}
			for name, r := range map[string]io.Reader{
				"whole": bytes.NewReader(want), "halves": iotest.HalfReader(bytes.NewReader(want)),
				"the end with the last bytes": iotest.DataErrReader(bytes.NewReader(want)),
			} {
				if got, err := ReadAll(t.Context(), r); err != nil || !bytes.Equal(got, want) || cap(got) > length+length/4+64 {
					t.Errorf("%s: %d bytes in memory for %d, %v", name, len(got), cap(got), err)
				}
			}
		})
	}
}

func TestReadAllReturnsErrors(t *testing.T) {
	for _, failure := range []error{errors.New("failure"), io.ErrUnexpectedEOF} {
		text := io.MultiReader(bytes.NewReader(make([]byte, 100_000)), iotest.ErrReader(failure))
		if got, err := ReadAll(t.Context(), text); err != failure || got != nil { //nolint:errorlint // the same one
			t.Errorf("ReadAll = %d bytes, %v, want %v", len(got), err, failure)
		}
	}
}

// Many texts take hardly more memory than they have bytes: io.ReadAll allocates
// several times as much.
func TestReadAllAllocatesATextOnce(t *testing.T) {
	const texts, length = 20, 5 << 20
	content := make([]byte, length)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for range texts {
		wg.Go(func() { _, _ = ReadAll(t.Context(), bytes.NewReader(content)) })
	}
	wg.Wait()
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 2.2*texts*length {
		t.Errorf("%d MiB are allocated for texts of %d", allocated>>20, texts*length>>20)
	}
}

func TestDiscard(t *testing.T) {
	failure := errors.New("failure")
	for _, length := range []int{0, 1, burst - 1, burst, burst + 1, 10*burst + 1} {
		text := bytes.NewReader(make([]byte, length))
		if err := Discard(iotest.HalfReader(text)); err != nil || text.Len() > 0 {
			t.Errorf("Discard = %v, %d of %d bytes are left", err, text.Len(), length)
		}
		if err := Discard(io.MultiReader(bytes.NewReader(make([]byte, length)), iotest.ErrReader(failure))); err != failure { //nolint:errorlint // the same one
			t.Errorf("Discard = %v after %d bytes", err, length)
		}
	}
}

// Readers that have much to discard pause one after the other.
func TestDiscardLeavesTime(t *testing.T) {
	const readers, bursts = 20, 40
	begun := time.Now()
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			if err := Discard(bytes.NewReader(make([]byte, bursts*burst))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(begun); took < readers*bursts*pause {
		t.Errorf("%d bytes are discarded in %v", readers*bursts*burst, took)
	}
}
