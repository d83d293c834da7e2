package access

import (
	"net/netip"
	"sync"
	"time"

	"github.com/concha-labs/backend/pkg/apikey"
)

// addressFor is the minimum time for which an unused address is remembered. It is
// forgotten within twice the time, so that a flood from many addresses leaves no
// memory behind.
const addressFor = 20 * time.Second

// addresses are the accounts of addresses. At most remembered addresses have one. The
// least recently used are forgotten first.
type addresses struct {
	like *account // a new one

	mu         sync.Mutex
	young, old map[netip.Addr]*account // used since the last turn of generations, and before
	turning    bool                    // a turn is due
}

func newAddresses(r apikey.Rate) *addresses {
	return &addresses{like: newAccount("address", r), young: map[netip.Addr]*account{}}
}

func (a *addresses) of(address netip.Addr) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.young[address]; ok {
		return found
	}
	found, ok := a.old[address]
	if !ok {
		found = a.like.another()
	}
	if len(a.young) >= remembered/2 {
		a.old, a.young = a.young, map[netip.Addr]*account{}
	}
	a.young[address] = found
	if !a.turning {
		a.turning = true
		time.AfterFunc(addressFor, a.turn)
	}
	return found
}

// turn makes the young generation the old one. Of the old one, it keeps the accounts
// that are in use, as far as there is room.
func (a *addresses) turn() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	kept := map[netip.Addr]*account{}
	for address, account := range a.old {
		if a.young[address] == nil && len(kept) < remembered/2 && account.inUse(now) {
			kept[address] = account
		}
	}
	a.old, a.young = a.young, kept
	if a.turning = len(a.old)+len(a.young) > 0; a.turning {
		time.AfterFunc(addressFor, a.turn)
	}
}
