//go:build !race

package main

// manyRows are as many as a list is promised to page through.
const manyRows = 100_000
