//go:build race

package main

// All of it is less with the race detector, with which SQLite is slow.
const (
	manyRows      = 5_000
	drawnRequests = "25"
)
