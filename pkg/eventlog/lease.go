package eventlog

import (
	"slices"
	"time"
)

// LeaseTTL is how long the leases of a replica last after it renewed them. A
// dead replica is replaced within 10 seconds: another replica sees the expiry
// when it claims next.
const LeaseTTL = 6 * time.Second

// Lease is the right of a replica to publish a shard.
type Lease struct {
	Shard int
	Epoch int64 // grows each time the owner changes
}

// Leases is who may publish what. All times are of one clock: that of the
// database which keeps it, or of the one process that has the database open.
// The zero value has nobody in it. It is a plain value: the adapters see to it
// that calls come one at a time and that their effects last.
type Leases struct {
	// Expires has the replicas, and until when each is taken for alive. A lease
	// lasts as long as its owner.
	Expires map[string]time.Time
	Shards  [Shards]Ownership
}

// Ownership is one shard's part of Leases.
type Ownership struct {
	Owner string // "" if nobody's
	Epoch int64
}

// Claim removes the replicas that have expired, renews the replica, gives up
// its leases of the shards in release, and gives it free shards up to its
// share. It returns the share: the shards are divided equally, and the first
// replicas in the order of their names get one more if the division leaves a
// remainder. Claim takes nothing from a live replica, which learns its smaller
// share from its own next claim.
//
// At most one replica for each shard is registered. A further replica changes
// nothing and gets a share of 0 until a place is free.
func (l *Leases) Claim(replica string, release []int, now time.Time) (share int) {
	if l.Expires == nil {
		l.Expires = make(map[string]time.Time)
	}
	for other, expires := range l.Expires {
		if !now.Before(expires) {
			delete(l.Expires, other)
		}
	}
	if _, registered := l.Expires[replica]; !registered && len(l.Expires) >= Shards {
		return 0
	}
	l.Expires[replica] = now.Add(LeaseTTL)
	rank := 0
	for other := range l.Expires {
		if other < replica {
			rank++
		}
	}
	share = (Shards + len(l.Expires) - 1 - rank) / len(l.Expires)
	has := 0
	for i := range l.Shards {
		s := &l.Shards[i]
		if _, alive := l.Expires[s.Owner]; s.Owner != "" && (!alive || s.Owner == replica && slices.Contains(release, i)) {
			s.change("")
		}
		if s.Owner == replica {
			has++
		}
	}
	for i := range l.Shards {
		if s := &l.Shards[i]; s.Owner == "" && has < share && !slices.Contains(release, i) {
			s.change(replica)
			has++
		}
	}
	return share
}

// Leave removes the replica and gives up its leases.
func (l *Leases) Leave(replica string) {
	delete(l.Expires, replica)
	for i := range l.Shards {
		if s := &l.Shards[i]; s.Owner == replica {
			s.change("")
		}
	}
}

// Owned returns the replica's leases in the order of their shards.
func (l *Leases) Owned(replica string) (leases []Lease) {
	for shard, s := range l.Shards {
		if s.Owner == replica {
			leases = append(leases, Lease{Shard: shard, Epoch: s.Epoch})
		}
	}
	return leases
}

func (o *Ownership) change(owner string) {
	o.Owner = owner
	o.Epoch++
}
