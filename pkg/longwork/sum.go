package longwork

import (
	"crypto/sha256"
	"slices"
)

// Sum256 returns the SHA-256 of a text that may be long, without an allocation if it
// is short. A long one is computed in steps: the scheduler cannot interrupt a step,
// and each collection of garbage begins by interrupting all goroutines.
func Sum256(text []byte) (sum [sha256.Size]byte) {
	const step = 64 << 10
	if len(text) <= step {
		return sha256.Sum256(text)
	}
	h := sha256.New()
	for part := range slices.Chunk(text, step) {
		h.Write(part)
	}
	h.Sum(sum[:0])
	return sum
}
