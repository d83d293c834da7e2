package edge

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestProxyTakesTurnsAndLeavesOutAddressesThatRefuse(t *testing.T) {
	var a, b atomic.Int64
	count := func(n *atomic.Int64) string {
		return upstream(t, func(w http.ResponseWriter, r *http.Request) { n.Add(1); _, _ = io.Copy(w, r.Body) })
	}
	s, p := front(t, count(&a), refusing(t), count(&b))
	for range 30 {
		res := do(t, request(t, http.MethodPost, s.URL+"/v1/accounts", strings.NewReader("body")))
		if res.body != "body" {
			t.Fatalf("%d %q", res.status, res.body)
		}
	}
	if a.Load()+b.Load() != 30 || a.Load() < 5 || b.Load() < 5 {
		t.Errorf("requests: %d and %d", a.Load(), b.Load())
	}
	if !p.balancer.addresses[1].suspect.Load() {
		t.Error("the address that refuses is not ejected")
	}
}

// TestProxyLeavesOutAddressesThatStop has an address that closes the connection
// after each answer.
func TestProxyLeavesOutAddressesThatStop(t *testing.T) {
	var stopping, other atomic.Int64
	s, p := front(t,
		upstream(t, func(w http.ResponseWriter, r *http.Request) {
			stopping.Add(1)
			w.Header().Set("Connection", "close")
			_, _ = io.Copy(w, r.Body)
		}),
		upstream(t, func(w http.ResponseWriter, r *http.Request) { other.Add(1); _, _ = io.Copy(w, r.Body) }),
	)
	ejected := testutil.ToFloat64(p.balancer.addresses[0].ejections)
	for range 10 {
		if res := do(t, request(t, http.MethodPost, s.URL+"/v1/accounts", strings.NewReader("body"))); res.body != "body" {
			t.Fatalf("%d %q", res.status, res.body)
		}
	}
	if stopping.Load() != 1 || other.Load() != 9 {
		t.Errorf("requests: %d and %d", stopping.Load(), other.Load())
	}
	if n := testutil.ToFloat64(p.balancer.addresses[0].ejections) - ejected; n != 0 {
		t.Errorf("%v ejections are counted", n)
	}
}

func TestBalancerPutsEjectedLastForLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBalancer("service", addresses(t, "http://a", "http://b"))
		a := b.addresses[0]
		leads := func() bool { // in one of two rotations
			first, _ := b.order()
			second, _ := b.order()
			return first[0] == a || second[0] == a
		}
		for range 2 {
			for _, seconds := range []int{5, 10, 20, 40, 60, 60} {
				began := time.Now()
				a.eject(began)
				a.eject(began.Add(-time.Second)) // part of the same failure
				time.Sleep(time.Duration(seconds)*time.Second - time.Millisecond)
				if leads() {
					t.Fatalf("it leads before %d s have passed", seconds)
				}
				time.Sleep(time.Millisecond)
				if once, twice := leads(), leads(); !once || twice {
					t.Fatalf("after %d s, it does not lead once", seconds)
				}
			}
			time.Sleep(trial)
			if once, twice := leads(), leads(); !once || twice {
				t.Error("it is not tried out once more")
			}
			a.restore()
			for range 2 {
				if !leads() {
					t.Error("it does not lead though it has answered")
				}
			}
		}
	})
}

func TestAddresses(t *testing.T) {
	for _, text := range []string{"", "accounts:8080", "http://", "ftp://a", "http://a/path", "http://a?q", "http://u:p@a", "http://a#f", "http://a,", "http://:8080", "http://a b"} {
		var a Addresses
		if err := a.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q passes as %v", text, a)
		}
	}
	var a Addresses
	if err := a.UnmarshalText([]byte("http://a:1, https://b/")); err != nil {
		t.Fatal(err)
	}
	if len(a) != 2 || a[0].Host != "a:1" || a[1].Host != "b" || a[1].Scheme != "https" {
		t.Errorf("%v", a)
	}
}
