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
	"github.com/concha-labs/backend/pkg/list"
)

// A page token is the base64url encoding of a version byte, the first bytes of
// the SHA-256 of the parameters to which it is bound, and the place after which
// to continue, followed by a dot and the cursor of the first page. It is opaque
// but not secret: whoever can read the list could compute any place.
const (
	tokenVersion = 3
	bindingBytes = 8
)

// PageToken returns the token of the page after last. It is bound to the
// filters and the order that were read from q. cursor, in base64url, is the
// position of the feed when the first page was read.
func (q *Query) PageToken(last list.Place, cursor string) string {
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

// After returns the place in page_token, or nil if it is absent or empty. Call
// it after every filter and the order have been read: a token of another list
// makes Err return httpserver.ErrPageToken.
func (q *Query) after() *list.Place {
	token, _ := q.get("page_token")
	if token == "" {
		return nil
	}
	place, cursor, _ := strings.Cut(token, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(place)
	at, id, _ := strings.Cut(string(raw[min(1+bindingBytes, len(raw)):]), ",")
	micros, _ := strconv.ParseInt(at, 10, 64)
	last := list.Place{At: time.UnixMicro(micros).UTC()}
	last.ID, _ = strconv.ParseInt(id, 10, 64)
	_, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	valid := err == nil && cursor != "" && last.ID >= 0 && last.ID <= maxExact && last.At.Year() >= 1 && last.At.Year() <= 9999
	if !valid || q.PageToken(last, cursor) != token { // also if it could not be decoded
		q.token = httpserver.ErrPageToken
		return nil
	}
	q.cursor = cursor
	return &last
}

// Cursor returns the cursor in the token that After has read, or "".
func (q *Query) Cursor() string { return q.cursor }

// page is the v1 body of a page of a list.
type page[T any] struct {
	ResourceType  string `json:"resource_type"`
	Count         int    `json:"count"` // number of Items
	Items         []T    `json:"items"`
	TotalCount    *int64 `json:"total_count,omitempty"`
	TotalIsExact  *bool  `json:"total_is_exact,omitempty"`
	NextPageToken string `json:"next_page_token"` // "" on the last page
}

// ServeList answers with a page of the list that q asks for, as the results of
// body. cursor is the position of the feed when the first page was read. The
// Link header (RFC 8288) refers to the next page, if there is one, and from
// later pages to the first.
func ServeList[T, B any](c *gin.Context, q *Query, resourceType string, p list.Page[T], cursor string, body func(T) B) {
	answer := page[B]{ResourceType: resourceType, Count: len(p.Items), Items: make([]B, len(p.Items))}
	for i, item := range p.Items {
		answer.Items[i] = body(item)
	}
	if p.Total != nil {
		answer.TotalCount, answer.TotalIsExact = &p.Total.Count, &p.Total.Exact
	}
	if p.Next != nil {
		answer.NextPageToken = q.PageToken(*p.Next, cursor)
	}
	setLinks(c, answer.NextPageToken)
	c.PureJSON(http.StatusOK, answer)
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
