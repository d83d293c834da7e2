// Package shardlru is a bounded cache for many goroutines at once.
package shardlru

import (
	"hash/maphash"

	lru "github.com/hashicorp/golang-lru/v2"
)

// shards is how many requests can use a cache at once without waiting.
const shards = 16

// Cache holds a bounded number of values and forgets the least recently used
// ones. Its shards have a lock each. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	seed   maphash.Seed
	shards [shards]*lru.Cache[K, V]
}

// New returns a cache that holds about size values, which is at least 16.
func New[K comparable, V any](size int) *Cache[K, V] {
	c := &Cache[K, V]{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i], _ = lru.New[K, V](max(size/shards, 1)) // fails only on a size below 1
	}
	return c
}

func (c *Cache[K, V]) shard(key K) *lru.Cache[K, V] {
	return c.shards[maphash.Comparable(c.seed, key)%shards]
}

// Get returns the value of key, if there is one.
func (c *Cache[K, V]) Get(key K) (V, bool) { return c.shard(key).Get(key) }

// Add sets the value of key.
func (c *Cache[K, V]) Add(key K, value V) { c.shard(key).Add(key, value) }

// GetOrAdd returns the value of key, which is that of create if there was none.
// Concurrent calls get the same value.
func (c *Cache[K, V]) GetOrAdd(key K, create func() V) V {
	shard := c.shard(key)
	if value, ok := shard.Get(key); ok {
		return value
	}
	value := create()
	if previous, ok, _ := shard.PeekOrAdd(key, value); ok {
		return previous
	}
	return value
}

// Len returns the number of values.
func (c *Cache[K, V]) Len() (n int) {
	for _, shard := range c.shards {
		n += shard.Len()
	}
	return n
}
