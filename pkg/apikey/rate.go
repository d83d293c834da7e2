package apikey

import (
	"errors"
	"strconv"
	"strings"
)

// Rate is a number of requests per second. The zero Rate is none.
type Rate float64

var errRate = errors.New("must be a number of requests per second, minute or hour, such as 100/s, 30/m or 1000/h")

// UnmarshalText parses a positive number followed by /s, /m or /h.
func (r *Rate) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseFloat(number, 64)
	seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	if err != nil || seconds == 0 || !(n > 0 && n <= 1e9) { // n may be NaN
		return errRate
	}
	*r = Rate(n / seconds)
	return nil
}

// MarshalText returns the rate per second, as in "100/s".
func (r Rate) MarshalText() ([]byte, error) {
	return append(strconv.AppendFloat(nil, float64(r), 'f', -1, 64), "/s"...), nil
}
