// Package rest reads the requests and writes the answers of a JSON API: bodies,
// queries, page tokens, ETags and conditions, idempotency keys, batches, and
// content in ranges. Its errors are faults that package httpserver answers as
// problems.
package rest
