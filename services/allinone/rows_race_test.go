//go:build race

package main

// manyRows are fewer with the race detector, with which SQLite is slow.
const manyRows = 5_000
