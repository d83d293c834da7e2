package httpserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// A page token is, in base64url: a version byte, the first bytes of the
// SHA-256 of what it is bound to, and the place after which to go on. It is
// opaque but not secret: whoever reads a list could compute any place.
const (
	tokenVersion = 2
	bindingBytes = 8
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// Place is where a row of a list stands in its order.
type Place struct {
	At time.Time // what the list is ordered by, in microseconds; not kept if that is the id
	ID int64     // 0..2^53-1
}

// binding is the canonical form of the list, to which its page tokens belong.
func (q *Query) binding() string {
	binding := q.filters.Encode() + "\n" + q.order.By
	if q.order.Desc {
		binding += " desc"
	}
	return binding
}

// PageToken returns the token of the page after last, of the list that q asks
// for.
func (q *Query) PageToken(last Place) string {
	return encodePageToken(q.binding(), strconv.FormatInt(last.At.UnixMicro(), 10)+","+strconv.FormatInt(last.ID, 10))
}

// After returns the place in page_token, nil if it is absent or empty. It must
// be read after every filter and the order: a token of a list with others is
// ErrPageToken, which Err tells.
func (q *Query) After() *Place {
	token, _ := q.get("page_token")
	if token == "" {
		return nil
	}
	text, ok := decodePageToken(q.binding(), token)
	at, id, _ := strings.Cut(text, ",")
	micros, atErr := strconv.ParseInt(at, 10, 64)
	place := Place{At: time.UnixMicro(micros).UTC()}
	var idErr error
	place.ID, idErr = strconv.ParseInt(id, 10, 64)
	if !ok || atErr != nil || idErr != nil || place.ID < 0 || place.ID > maxExact || place.At.Year() < 1 || place.At.Year() > 9999 {
		q.token = ErrPageToken
		return nil
	}
	return &place
}

// SetLinks sets the Link header (RFC 8288) of a page of a list: next leads to
// the page that the token names, unless that is "", and first, on any but the
// first page, to the first.
func SetLinks(c *gin.Context, next string) {
	query := c.Request.URL.Query()
	address := PublicURL(c.Request) + c.Request.URL.Path + "?"
	var links []string
	if next != "" {
		here := query.Get("page_token")
		query.Set("page_token", next)
		links = append(links, "<"+address+query.Encode()+`>; rel="next"`)
		query.Set("page_token", here)
	}
	if query.Get("page_token") != "" {
		query.Del("page_token")
		links = append(links, "<"+address+query.Encode()+`>; rel="first"`)
	}
	if links != nil {
		c.Header("Link", strings.Join(links, ", "))
	}
}

func encodePageToken(binding, place string) string {
	sum := sha256.Sum256([]byte(binding))
	raw := make([]byte, 0, 1+bindingBytes+len(place))
	raw = append(raw, tokenVersion)
	raw = append(raw, sum[:bindingBytes]...)
	raw = append(raw, place...)
	return tokenEncoding.EncodeToString(raw)
}

// decodePageToken returns what encodePageToken was given as place, unless the
// token was made with another binding, or by something else. The place is
// still input.
func decodePageToken(binding, token string) (place string, ok bool) {
	// The decoder would skip line breaks, and two tokens be one.
	if strings.ContainsAny(token, "\r\n") {
		return "", false
	}
	raw, err := tokenEncoding.DecodeString(token)
	if err != nil || len(raw) < 1+bindingBytes || raw[0] != tokenVersion {
		return "", false
	}
	sum := sha256.Sum256([]byte(binding))
	if !bytes.Equal(raw[1:1+bindingBytes], sum[:bindingBytes]) {
		return "", false
	}
	return string(raw[1+bindingBytes:]), true
}
