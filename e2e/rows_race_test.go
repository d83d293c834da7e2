//go:build race

package e2e

// All of it is less with the race detector, with which SQLite is slow.
const (
	manyRows      = 5_000
	drawnRequests = "25"
)

// raceFlags has the go command build the programs as these tests are built.
var raceFlags = []string{"-race"}
