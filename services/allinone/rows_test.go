//go:build !race

package main

const (
	// manyRows are as many as a list is promised to page through.
	manyRows = 100_000
	// drawnRequests are how many are drawn of an operation.
	drawnRequests = "100"
)
