package access

import (
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
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

// Unused addresses are forgotten. An address with its whole burst left is like a new
// one.
func TestAddressesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newAddresses(1)
		address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
		for i := range remembered {
			all.of(address(i)).take(2, time.Now())
		}
		streaming, owing, kept := all.of(address(1)), all.of(address(2)), all.of(address(3))
		streaming.streams.Add(1)
		owing.owe(300, time.Now())
		for range 10 { // minutes, in which one address is used now and then
			for range 4 {
				<-time.After(addressFor * 3 / 4)
				if all.of(address(3)) != kept {
					t.Fatal("an address that is used is forgotten")
				}
			}
		}
		if n := len(all.young) + len(all.old); n != 3 && n != 2 {
			t.Errorf("%d addresses are remembered of which one is used and one has a stream", n)
		}
		if all.of(address(1)) != streaming {
			t.Error("the address of an open stream is forgotten")
		}
		if all.of(address(2)) == owing {
			t.Error("an address is remembered that owes nothing any more")
		}
		streaming.streams.Add(-1)
		<-time.After(4 * addressFor)
		synctest.Wait()
		if n := len(all.young) + len(all.old); n != 0 || all.turning {
			t.Errorf("%d addresses are remembered of which none is used, more turns are due: %v", n, all.turning)
		}
	})
}

// An address that owes requests stays limited, however long it waits and whoever else
// comes.
func TestAddressesThatOweAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newAddresses(1)
		owing := netip.AddrFrom4([4]byte{10, 0, 0, 1})
		all.of(owing).owe(600, time.Now())
		<-time.After(8 * time.Minute)
		if ok, _ := all.of(owing).take(1, time.Now()); ok {
			t.Error("an address that owed requests for 10 minutes is not limited after 8")
		}
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
