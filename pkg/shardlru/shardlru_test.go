package shardlru_test

import (
	"sync"
	"testing"

	"github.com/concha-labs/backend/pkg/shardlru"
)

func TestCacheIsBounded(t *testing.T) {
	c := shardlru.New[int, int](1600)
	for i := range 1_000_000 {
		c.Add(i, i)
	}
	if n := c.Len(); n > 1600 {
		t.Errorf("%d values of at most 1600", n)
	}
	if v, ok := c.Get(999_999); !ok || v != 999_999 {
		t.Errorf("the last value is %d, %v", v, ok)
	}
	if _, ok := c.Get(0); ok {
		t.Error("the first value is still there")
	}
}

func TestConcurrentCallersGetOneValue(t *testing.T) {
	c := shardlru.New[string, *int](16)
	values := make([]*int, 50)
	var wg sync.WaitGroup
	for i := range values {
		wg.Go(func() { values[i] = c.GetOrAdd("key", func() *int { return new(i) }) })
	}
	wg.Wait()
	for _, v := range values {
		if v != values[0] {
			t.Fatal("there are two values")
		}
	}
}
