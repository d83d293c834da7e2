//go:build !race

package e2e

const (
	// manyRows are as many as a list is promised to page through.
	manyRows = 100_000
	// drawnRequests are how many are drawn of an operation.
	drawnRequests = "100"
)

// raceFlags has the go command build the programs as these tests are built.
var raceFlags = []string{}
