package classic

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/jsonscan"
)

// collection is a kind of resource and its classic form.
type collection struct {
	name    string   // in both trees, such as "accounts"
	members []member // members of the classic body, in order
	filters []string // parameters of the classic list
}

// member is a member of a classic body and its source in a v1 body.
type member struct {
	name, v1 string
	// convert, if not nil, converts the value of v1. It returns nil for an
	// invalid one.
	convert func(v1 []byte) []byte
}

// ImageField is the member of a classic account that has the address of its
// image. The original server's documents and its code have different names.
type ImageField string

// The names of the image's member.
const (
	ImageHostedURL  ImageField = "image_hosted_url"  // in the original's documents
	ImageHostedLink ImageField = "image_hosted_link" // in its code and its tests
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *ImageField) UnmarshalText(text []byte) error {
	*f = ImageField(text)
	if *f != ImageHostedURL && *f != ImageHostedLink {
		return fmt.Errorf("must be %s or %s", ImageHostedURL, ImageHostedLink)
	}
	return nil
}

// Name returns the name; that of the zero ImageField is ImageHostedURL.
func (f ImageField) Name() string { return string(cmp.Or(f, ImageHostedURL)) }

func accounts(image ImageField) *collection {
	return &collection{
		name: "accounts",
		members: []member{
			{"id", "id", nil},
			{"name", "name", nil},
			{"email", "email", nil},
			{"address", "address", nil},
			{image.Name(), "image", imageURL},
		},
		filters: []string{"name", "email", "address"},
	}
}

var audios = collection{
	name: "audios",
	members: []member{
		{"session_id", "session_id", nil},
		{"ticks", "ticks", nil},
		{"selected_tick", "selected_tick", nil},
		{"step_count", "step_count", nil},
	},
	filters: []string{"session_id", "selected_tick", "step_count"},
}

// imageURL returns the url of a v1 image, or null.
func imageURL(image []byte) []byte {
	if string(image) == "null" {
		return image
	}
	var found []byte
	s := &jsonscan.Scanner{Data: image}
	for name := range s.Object {
		if value := s.Value(); string(name) == "url" {
			found = value
		}
	}
	return found
}

// appendResource appends the classic body for the v1 body at s.
func (c *collection) appendResource(dst []byte, s *jsonscan.Scanner) []byte {
	var values [5][]byte
	for name := range s.Object {
		value := s.Value()
		for i := range c.members {
			if string(name) == c.members[i].v1 {
				values[i] = value
			}
		}
	}
	separator := byte('{')
	for i, m := range c.members {
		value := values[i]
		if m.convert != nil && value != nil {
			value = m.convert(value)
		}
		if value == nil {
			s.Broken = true
		}
		dst = append(dst, separator, '"')
		dst = append(dst, m.name...)
		dst = append(dst, '"', ':')
		dst = append(dst, value...)
		separator = ','
	}
	return append(dst, '}')
}

// resource returns the classic form of a v1 resource. ok is false if v1 is not
// a resource.
func (c *collection) resource(v1 []byte) ([]byte, bool) {
	s := &jsonscan.Scanner{Data: v1}
	body := c.appendResource(make([]byte, 0, len(v1)), s)
	return body, s.End()
}

// appendList appends the classic form of the items of a v1 list to dst, an open
// JSON array. It also returns their number, and the token of the next page, or
// "". ok is false if v1 is not a list.
func (c *collection) appendList(dst, v1 []byte) (items []byte, n int, next string, ok bool) {
	s := &jsonscan.Scanner{Data: v1}
	dst = slices.Grow(dst, len(v1))
	for name := range s.Object {
		switch string(name) {
		case "items":
			ok = true
			for range s.Array {
				if len(dst) > 1 {
					dst = append(dst, ',')
				}
				dst = c.appendResource(dst, s)
				n++
			}
		case "next_page_token":
			next = string(bytes.Trim(s.Value(), `"`)) // base64url, so nothing is escaped
		default:
			s.Value()
		}
	}
	return dst, n, next, s.End() && ok
}

// classicStatus returns the classic status for a status of v1. In the classic
// tree, 400 covers everything invalid.
func classicStatus(v1 int) int {
	switch v1 {
	case http.StatusConflict, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return http.StatusBadRequest
	case http.StatusNoContent:
		return http.StatusOK
	}
	return v1
}

// withStatus returns problem with the given status member. ok is false if it is
// not a problem.
func withStatus(problem []byte, status string) ([]byte, bool) {
	s := &jsonscan.Scanner{Data: problem}
	var changed []byte
	for name := range s.Object {
		value := s.Value()
		if string(name) == "status" {
			start := s.Pos - len(value)
			changed = append(append(append(changed[:0], problem[:start]...), status...), problem[s.Pos:]...)
		}
	}
	return changed, s.End() && changed != nil
}

// v1URL returns the URL of a v1 collection or, with an id, of a resource in it.
// An id that contains a slash remains one segment.
func (c *collection) v1URL(id, suffix, query string) *url.URL {
	path := "/v1/" + c.name
	if id == "" {
		return &url.URL{Path: path, RawQuery: query}
	}
	return &url.URL{
		Path:     path + "/" + id + suffix,
		RawPath:  path + "/" + url.PathEscape(id) + suffix,
		RawQuery: query,
	}
}

// pageSize is the maximum length of a classic list, which is the maximum page
// size of v1.
const pageSize = 1000

// listQuery returns the query of a page of the v1 list for a classic query. token
// is "" for the first page.
func (c *collection) listQuery(classic url.Values, token string, size int) url.Values {
	query := c.kept(classic)
	query.Set("order_by", "created_at") // as the original
	query.Set("page_size", strconv.Itoa(size))
	if token != "" {
		query.Set("page_token", token)
	}
	return query
}

// nextQuery returns the query of the classic list that continues after the
// given one.
func (c *collection) nextQuery(classic url.Values, token string) url.Values {
	query := c.kept(classic)
	query.Set("page_token", token)
	return query
}

// kept returns the filters in a classic query. If one is given more than once,
// the first counts.
func (c *collection) kept(classic url.Values) url.Values {
	query := url.Values{}
	for _, name := range c.filters {
		if classic.Has(name) {
			query.Set(name, classic.Get(name))
		}
	}
	return query
}

// location returns the classic URL for a v1 Location, under origin.
func location(origin, v1 string) string {
	if i := strings.LastIndex(v1, "/v1/"); i >= 0 {
		return origin + v1[i+len("/v1"):]
	}
	return v1
}
