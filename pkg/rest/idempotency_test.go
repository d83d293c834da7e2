package rest_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/rest"
)

func TestIdempotencyKey(t *testing.T) {
	read := func(method, target string, keys ...string) ([32]byte, error) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(method, target, nil)
		c.Request.Header["Idempotency-Key"] = keys
		return rest.IdempotencyKey(c)
	}
	seen := map[[32]byte]string{}
	for _, r := range [][]string{
		{"POST", "/a", "k"}, {"PUT", "/a", "k"}, {"POST", "/b", "k"}, {"POST", "/a", "K"}, {"POST", "/a", `"k e~y"`}, {"POST", "/a", strings.Repeat("x", 255)},
	} {
		hash, err := read(r[0], r[1], r[2])
		if err != nil {
			t.Errorf("%q: %v", r, err)
		}
		if other, ok := seen[hash]; ok || hash == [32]byte{} {
			t.Errorf("%q is the same as %q", r, other)
		}
		seen[hash] = strings.Join(r, " ")
		if again, err := read(r[0], r[1]+"?query", r[2]); again != hash || err != nil {
			t.Errorf("%q is not known again: %v", r, err)
		}
	}
	for _, id := range []string{"key:a", "key:b", "https://issuer|a\nPOST /a"} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest("POST", "/a", nil).WithContext(caller.With(t.Context(), &caller.Caller{ID: id}))
		c.Request.Header["Idempotency-Key"] = []string{"k"}
		hash, err := rest.IdempotencyKey(c)
		if other, ok := seen[hash]; ok || err != nil {
			t.Errorf("that of %q is the same as %q, %v", id, other, err)
		}
		seen[hash] = id
	}
	if hash, err := read("POST", "/a"); err != nil || hash != [32]byte{} {
		t.Errorf("without a key: %x, %v", hash, err)
	}
	for _, keys := range [][]string{{""}, {strings.Repeat("x", 256)}, {"a\tb"}, {"é"}, {"a\x7f"}, {"a", "a"}} {
		if _, err := read("POST", "/a", keys...); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v, want it to be refused", keys, err)
		}
	}
}

func TestFlights(t *testing.T) {
	var flights rest.Flights
	one, other := [32]byte{1}, [32]byte{2}
	begin := func(key [32]byte) (land func()) {
		t.Helper()
		land, err := flights.Begin(key)
		if err != nil {
			t.Fatal(err)
		}
		return land
	}
	land := begin(one)
	begin(other)
	if _, err := flights.Begin(one); !errors.Is(err, rest.ErrInProgress) {
		t.Errorf("a second one at once: %v", err)
	}
	land()
	begin(one)
	begin([32]byte{})
	begin([32]byte{}) // requests without a key do not affect each other
}
