package eventlog

import (
	"slices"
	"time"
)

// LeaseTTL is the time after which leases expire unless the replica renews
// them. A dead replica is replaced within 10 seconds: another replica notices
// the expiry at its next claim.
const LeaseTTL = 6 * time.Second

// Lease is the right of a replica to publish a shard.
type Lease struct {
	Shard int
	Epoch int64 // incremented whenever the owner changes
}

// Leases is the assignment of shards to replicas. Its times are those of one
// clock: that of the database, or that of the one process that has the database
// open. The zero value has no replicas. Leases is not safe for concurrent use;
// the adapters serialize the calls and store the result.
type Leases struct {
	// Expires holds the expiry time of each replica. A lease expires with its
	// owner.
	Expires map[string]time.Time
	Shards  [Shards]Ownership
}

// Ownership is the assignment of one shard.
type Ownership struct {
	Owner string // "" if the shard is free
	Epoch int64
}

// Claim removes expired replicas, renews the given one, gives up its leases of
// the shards in release, and assigns free shards to it up to its share. It
// returns the share. The shards are divided equally; if there is a remainder,
// the first replicas in the order of their names get one more. Claim takes
// nothing from a live replica, which learns of a smaller share from its own
// next claim.
//
// At most one replica for each shard is registered. For a further replica,
// Claim returns a share of 0 until a place is free.
func (l *Leases) Claim(replica string, release []int, now time.Time) (share int) {
	if l.Expires == nil {
		l.Expires = make(map[string]time.Time)
	}
	l.Expire(now)
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
		if s.Owner == replica && slices.Contains(release, i) {
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

// Expire removes the expired replicas and gives up their leases.
func (l *Leases) Expire(now time.Time) {
	for replica, expires := range l.Expires {
		if !now.Before(expires) {
			delete(l.Expires, replica)
		}
	}
	for i := range l.Shards {
		s := &l.Shards[i]
		if _, alive := l.Expires[s.Owner]; s.Owner != "" && !alive {
			s.change("")
		}
	}
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

// Owned returns the replica's leases in the order of the shards.
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
