package edge

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	if p.balancer.addresses[1].ejectedUntil.Load() == 0 {
		t.Error("the address that refuses is not ejected")
	}
}

func TestBalancerPutsEjectedLastFor5Seconds(t *testing.T) {
	b := newBalancer(addresses(t, "http://a", "http://b"))
	b.addresses[0].eject()
	hosts := func() (hosts []string) {
		for _, a := range b.order() {
			hosts = append(hosts, a.host)
		}
		return hosts
	}
	for range 4 {
		if diff := cmp.Diff([]string{"b", "a"}, hosts()); diff != "" {
			t.Error(diff)
		}
	}
	if left := time.Until(time.Unix(0, b.addresses[0].ejectedUntil.Load())); left < 4*time.Second || left > 5*time.Second {
		t.Errorf("ejected for %s", left)
	}
	b.addresses[0].ejectedUntil.Store(time.Now().Add(-time.Millisecond).UnixNano())
	first := map[string]bool{}
	for range 4 {
		first[hosts()[0]] = true
	}
	if len(first) != 2 {
		t.Errorf("first come %v", first)
	}
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
