package httpserver

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// otherMemory is how many bytes a process needs for everything else: the images
// that it decodes take up to 360 MiB.
const otherMemory = 384 << 20

// limitHeap makes the garbage collector work less as long as the process takes less
// memory than the budget and everything else, and harder above that. Otherwise the
// heap could grow to a multiple of the memory in use. A limit that is set already,
// as by GOMEMLIMIT, takes precedence.
func (b *Budget) limitHeap() {
	CollectLess(200)
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(b.limit + otherMemory)
	}
}

// CollectLess makes the garbage collector run whenever the heap has grown by percent
// instead of 100, unless GOGC says otherwise. The heap of a server that has few
// requests at a time is small, and would be collected many times a second.
func CollectLess(percent int) {
	if set := debug.SetGCPercent(percent); set != 100 {
		debug.SetGCPercent(set) // GOGC is set
	}
}

const (
	// quietFor is how long the collector does not run in a quiet process.
	quietFor = 10 * time.Second
	// worthwhile is by how many bytes the heap must have grown.
	worthwhile = 8 << 20
)

// memory returns memory to the system after a burst of requests. A process that is
// quiet would keep it for minutes: the collector runs when the heap has grown, or
// every two minutes, and pooled memory is freed after two of its cycles.
type memory struct {
	cycles uint64 // of the collector, at the last look
	heap   uint64 // bytes, after memory was returned
}

// watch looks at the memory until ctx ends.
func (m *memory) watch(ctx context.Context) {
	tick := time.NewTicker(quietFor)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.look()
		}
	}
}

// look returns memory, and reports so, if the collector has not run since the last
// look and the heap is larger than after the last return.
func (m *memory) look() bool {
	cycles, heap := measure()
	quiet := cycles == m.cycles
	m.cycles = cycles
	if !quiet || heap <= m.heap+worthwhile {
		return false
	}
	debug.FreeOSMemory()
	debug.FreeOSMemory() // frees pooled memory, too
	m.cycles, m.heap = measure()
	return true
}

// measure returns the number of the collector's cycles, and how many bytes the heap
// takes.
func measure() (cycles, heap uint64) {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
	}
	metrics.Read(samples)
	for _, part := range samples[1:] {
		heap += part.Value.Uint64()
	}
	return samples[0].Value.Uint64(), heap
}
