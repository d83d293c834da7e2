package eventlog_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/bus"
)

// counting is a broker that fails while down is set, and records the size of
// each batch.
type counting struct {
	mu    sync.Mutex
	down  bool
	sizes []int
}

func (c *counting) Publish(_ context.Context, msgs []bus.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sizes = append(c.sizes, len(msgs))
	if c.down {
		return errors.New("the broker is down")
	}
	return nil
}

func TestRelayGivesLittleToABrokerThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), &counting{down: true}
		for v := range 40 {
			l.append("account/1", int64(v+1))
		}
		stop := run(t, l, broker)
		defer stop()
		time.Sleep(150 * time.Millisecond) // 100 ms of it are the first pause
		broker.mu.Lock()
		broker.down = false
		broker.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]int{40, 1, 1, 2, 4, 8, 16, 9}, broker.sizes); diff != "" {
			t.Errorf("messages at once (-want +got):\n%s", diff)
		}
	})
}
