package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// A page token is, in base64url: a version byte, the first bytes of the
// SHA-256 of what it is bound to, and the place after which to go on; then come
// a dot and the cursor of the first page. It is opaque but not secret: whoever
// reads a list could compute any place.
const (
	tokenVersion = 3
	bindingBytes = 8
)

// Place is where a row of a list stands in its order.
type Place struct {
	At time.Time // what the list is ordered by, in microseconds; the zero time if that is the id
	ID int64     // 0..2^53-1
}

// PageToken returns the token of the page after last, of the list that q asks
// for: it is bound to the filters and the order that were read from q. The
// cursor, in base64url, is where the feed was when the first page was read.
func (q *Query) PageToken(last Place, cursor string) string {
	list := cursor + "\n" + q.filters.Encode() + "\n" + q.order.By
	if q.order.Desc {
		list += " desc"
	}
	sum := sha256.Sum256([]byte(list))
	raw := append([]byte{tokenVersion}, sum[:bindingBytes]...)
	raw = strconv.AppendInt(raw, last.At.UnixMicro(), 10)
	raw = strconv.AppendInt(append(raw, ','), last.ID, 10)
	return base64.RawURLEncoding.EncodeToString(raw) + "." + cursor
}

// After returns the place in page_token, nil if it is absent or empty. It must
// be read after every filter and the order: a token of a list with others is
// httpserver.ErrPageToken, which Err tells.
func (q *Query) After() *Place {
	token, _ := q.get("page_token")
	if token == "" {
		return nil
	}
	place, cursor, _ := strings.Cut(token, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(place)
	at, id, _ := strings.Cut(string(raw[min(1+bindingBytes, len(raw)):]), ",")
	micros, _ := strconv.ParseInt(at, 10, 64)
	last := Place{At: time.UnixMicro(micros).UTC()}
	last.ID, _ = strconv.ParseInt(id, 10, 64)
	_, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	valid := err == nil && cursor != "" && last.ID >= 0 && last.ID <= maxExact && last.At.Year() >= 1 && last.At.Year() <= 9999
	if !valid || q.PageToken(last, cursor) != token { // also if it could not be read
		q.token = httpserver.ErrPageToken
		return nil
	}
	q.cursor = cursor
	return &last
}

// Cursor returns the cursor that came with the token that After has read, "" if
// there was none.
func (q *Query) Cursor() string { return q.cursor }

// Page is the v1 body of a page of a list.
type Page[T any] struct {
	ResourceType  string `json:"resource_type"`
	Count         int    `json:"count"` // of Items
	Items         []T    `json:"items"`
	TotalCount    *int64 `json:"total_count,omitempty"`
	NextPageToken string `json:"next_page_token"` // "" at the end
}

// ServePage answers with a page. Its Link header (RFC 8288) leads to the next
// one, if there is one, and on any but the first to the first.
func ServePage[T any](c *gin.Context, p Page[T]) {
	setLinks(c, p.NextPageToken)
	c.PureJSON(http.StatusOK, p)
}

func setLinks(c *gin.Context, next string) {
	query := c.Request.URL.Query()
	later := query.Get("page_token") != ""
	query.Del("page_token")
	var links []string
	link := func(relation string) {
		address := url.URL{Path: c.Request.URL.Path, RawQuery: query.Encode()}
		links = append(links, "<"+httpserver.PublicURL(c.Request)+address.String()+`>; rel="`+relation+`"`)
	}
	if later {
		link("first")
	}
	if next != "" {
		query.Set("page_token", next)
		link("next")
	}
	if links != nil {
		c.Header("Link", strings.Join(links, ", "))
	}
}
