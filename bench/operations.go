package main

import (
	"math/rand/v2"
	"strconv"
)

// operation is an operation of clients, and the operation of the limit to
// compare it with, if any, with the minimum ratio of their requests per second.
type operation struct {
	name        string
	next, limit request
	atLeast     float64
}

// Writes come last: they let the database grow.
var operations = []operation{
	{"get", getAccount, getAccount, 0.80},
	{"classic-get", getClassic, getAccount, 0.75},
	{"page", listAccounts, listAccounts, 0.85},
	{"image", getImage, nil, 0},
	{"put", putAccount, postAccount, 0.55},
	{"post", postAccount, postAccount, 0.60},
	{"post-audio", postAudio, postAccount, 0.45},
}

const head = " HTTP/1.1\r\nHost: localhost\r\n"

func getAccount(dst []byte, s *side, r *rand.Rand) []byte {
	return get(appendAny(append(dst, "GET /v1/accounts/"...), s.ids, r))
}

func getProxied(dst []byte, s *side, r *rand.Rand) []byte {
	dst = append(appendAny(append(dst, "GET /v1/accounts/"...), s.ids, r), head...)
	if s.authorization != "" {
		dst = append(append(append(dst, "Authorization: "...), s.authorization...), "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func getClassic(dst []byte, s *side, r *rand.Rand) []byte {
	return get(appendAny(append(dst, "GET /accounts/"...), s.ids, r))
}

func listAccounts(dst []byte, s *side, r *rand.Rand) []byte {
	dst = append(dst, "GET /v1/accounts?page_size=100&page_token="...)
	return get(append(dst, s.pages[r.IntN(len(s.pages))]...))
}

func getImage(dst []byte, s *side, r *rand.Rand) []byte {
	dst = appendAny(append(dst, "GET /v1/accounts/"...), s.withImage, r)
	return get(append(dst, "/image"...))
}

func putAccount(dst []byte, s *side, r *rand.Rand) []byte {
	dst = appendAny(append(dst, "PUT /v1/accounts/"...), s.ids, r)
	return appendBody(dst, func(dst []byte) []byte { return appendProfile(dst, r) })
}

func postAccount(dst []byte, _ *side, r *rand.Rand) []byte {
	return appendBody(append(dst, "POST /v1/accounts"...), func(dst []byte) []byte { return appendProfile(dst, r) })
}

func postAudio(dst []byte, _ *side, r *rand.Rand) []byte {
	return appendBody(append(dst, "POST /v1/audios"...), func(dst []byte) []byte { return appendSession(dst, r) })
}

// appendSession appends a session whose id is nearly surely new.
func appendSession(dst []byte, r *rand.Rand) []byte {
	dst = strconv.AppendInt(append(dst, `{"session_id":`...), r.Int64N(1<<53), 10)
	dst = append(dst, `,"ticks":`...)
	for i := range 15 {
		dst = strconv.AppendFloat(append(dst, "[,"[min(i, 1)]), -10-90*r.Float64(), 'g', -1, 64)
	}
	dst = strconv.AppendInt(append(dst, `],"selected_tick":`...), r.Int64N(15), 10)
	return append(strconv.AppendInt(append(dst, `,"step_count":`...), r.Int64N(10), 10), '}')
}

// appendProfile appends a profile whose e-mail address is nearly surely new, and
// as all values in no order, as those of a real system would be.
func appendProfile(dst []byte, r *rand.Rand) []byte {
	dst = strconv.AppendInt(append(dst, `{"name":"Grace Hopper `...), r.Int64N(1e6), 10)
	dst = strconv.AppendUint(append(dst, `","email":"`...), r.Uint64(), 36)
	dst = strconv.AppendInt(append(dst, `@example.com","address":"`...), r.Int64N(1e4), 10)
	return append(dst, ` Pennsylvania Avenue, Washington"}`...)
}

func get(dst []byte) []byte { return append(dst, head+"\r\n"...) }

func appendAny(dst []byte, ids []int64, r *rand.Rand) []byte {
	return strconv.AppendInt(dst, ids[r.IntN(len(ids))], 10)
}

// appendBody completes a request with the JSON that body appends.
func appendBody(dst []byte, body func([]byte) []byte) []byte {
	const digits = "0000"
	dst = append(dst, head+"Content-Type: application/json\r\nContent-Length: "...)
	at := len(dst)
	dst = append(dst, digits+"\r\n\r\n"...)
	start := len(dst)
	dst = body(dst)
	for length, i := len(dst)-start, len(digits)-1; i >= 0; length, i = length/10, i-1 {
		dst[at+i] = byte('0' + length%10)
	}
	return dst
}
