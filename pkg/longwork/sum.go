package longwork

import (
	"crypto/sha256"
	"slices"
)

// Sum256 returns the SHA-256 of a text that may be long. It is computed in short
// steps, as the scheduler cannot interrupt one: all goroutines of the process would
// wait for the end of megabytes when the memory is about to be collected.
func Sum256(text []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for step := range slices.Chunk(text, 64<<10) {
		h.Write(step)
	}
	h.Sum(sum[:0])
	return sum
}
