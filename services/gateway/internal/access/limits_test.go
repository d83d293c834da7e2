package access

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// A client that uses a million addresses cannot use up the memory. The address
// that was used last is still limited.
func TestAMillionAddresses(t *testing.T) {
	all := newAddresses(1)
	before := heap()
	now := time.Now()
	var last netip.Addr
	for i := range 1_000_000 {
		last = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(i >> 16), byte(i >> 8), byte(i)})
		if ok, _ := all.of(network(last)).take(2, now); !ok { // the burst of 2 s
			t.Fatalf("the first request of %v is limited", last)
		}
	}
	if ok, _ := all.of(last).take(1, now); ok {
		t.Error("the last address is not limited")
	}
	if grown := heap() - before; grown > 24<<20 {
		t.Errorf("a million addresses take %d MiB, want at most 24", grown>>20)
	}
	runtime.KeepAlive(all)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
