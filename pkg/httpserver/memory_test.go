package httpserver

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryOfABurstIsReturned(t *testing.T) {
	var m memory
	func() {
		burst := make([][]byte, 64)
		for i := range burst {
			burst[i] = make([]byte, 1<<20)
		}
		runtime.KeepAlive(burst)
	}()
	m.look() // the collector may have run during the burst
	if !m.look() {
		t.Fatal("nothing is returned")
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if kept := stats.HeapSys - stats.HeapReleased; kept > 32<<20 {
		t.Errorf("%d MiB are kept", kept>>20)
	}
	if m.look() {
		t.Error("memory is returned again although nothing has been allocated")
	}
	again := make([]byte, 2*worthwhile)
	runtime.GC()
	if m.look() {
		t.Error("memory is returned at once after a cycle of the collector")
	}
	runtime.KeepAlive(again)
}

func TestTheCollectorKeepsToGOGC(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	for set, want := range map[int]int{100: 200, 50: 50, -1: -1} {
		debug.SetGCPercent(set)
		CollectLess(200)
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("with GOGC=%d the heap may grow by %d %%, want %d", set, got, want)
		}
	}
}
