package settings

import (
	"errors"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

var errSize = errors.New("must be a number of MiB of 16 or more, such as 256MiB")

// UnmarshalText parses a whole number of MiB, as in 256MiB.
func (s *Size) UnmarshalText(text []byte) error {
	digits, ok := strings.CutSuffix(string(text), "MiB")
	n, err := strconv.ParseInt(digits, 10, 32)
	if !ok || err != nil || n < 16 {
		return errSize
	}
	*s = Size(n << 20)
	return nil
}

// Memory bounds the memory of a process; embed it in the config of one that reads
// request bodies.
type Memory struct {
	BodyMemory Size `env:"CONCHA_BODY_MEMORY" envDefault:"256MiB" desc:"memory for all request bodies together, each of which counts twice: as it came, and as it is parsed or kept; requests beyond it are answered with 503"`
}
