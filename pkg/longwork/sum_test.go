package longwork

import (
	"crypto/sha256"
	"testing"
)

func TestSum256(t *testing.T) {
	for _, length := range []int{0, 1, 64 << 10, 64<<10 + 1, 5 << 20} {
		text := make([]byte, length)
		for i := range text {
			text[i] = byte(i * length >> 8)
		}
		if Sum256(text) != sha256.Sum256(text) {
			t.Errorf("another sum of %d bytes", length)
		}
	}
}

func TestSum256OfAShortTextAllocatesNothing(t *testing.T) {
	text := make([]byte, 1000)
	if n := testing.AllocsPerRun(100, func() { Sum256(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
