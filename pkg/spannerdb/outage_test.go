//go:build cloud

package spannerdb_test

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	database "cloud.google.com/go/spanner/admin/database/apiv1"
	"cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"google.golang.org/api/option"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

// proxy is a proxy between a client and the emulator that can fail.
type proxy struct {
	net.Listener
	gate sync.RWMutex // locked while nothing may pass

	mu      sync.Mutex
	refuses bool
	conns   []net.Conn
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l}
	t.Cleanup(func() { _ = l.Close(); p.refuse(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.serve(c)
		}
	}()
	return p
}

func (p *proxy) serve(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	up, err := net.Dial("tcp", os.Getenv("SPANNER_EMULATOR_HOST"))
	if err != nil || p.refuses {
		_ = c.Close()
		return
	}
	p.conns = append(p.conns, c, up)
	go p.pipe(c, up)
	go p.pipe(up, c)
}

func (p *proxy) pipe(from, to net.Conn) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.gate.RLock()
		_, err = to.Write(buf[:n])
		p.gate.RUnlock()
		if err != nil {
			return
		}
	}
}

// refuse closes all connections and accepts no new ones, until it is called
// with false.
func (p *proxy) refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses = yes; yes {
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.conns = nil
	}
}

// hang keeps all connections open but forwards nothing, until it is called with
// false.
func (p *proxy) hang(yes bool) {
	if yes {
		p.gate.Lock()
	} else {
		p.gate.Unlock()
	}
}

// atMost is the six seconds that a call may take, and a margin for a busy
// machine.
const atMost = 15 * time.Second

func wantUnavailable(t *testing.T, what string, call func() error) {
	t.Helper()
	begin := time.Now()
	if err := call(); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%s: %v, want fault.Unavailable", what, err)
	}
	if took := time.Since(begin); took > atMost {
		t.Errorf("%s took %v", what, took)
	}
}

// eventually calls f until it succeeds, for at most a minute.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*proxy, bool){"refuses": (*proxy).refuse, "hangs": (*proxy).hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t)
			testOutage(t, option.WithEndpoint("passthrough:///"+p.Addr().String()), func(down bool) { fail(p, down) })
		})
	}
}

func testOutage(t *testing.T, endpoint option.ClientOption, set func(down bool)) {
	name := spannerdbtest.New(t, schema)
	db := spannerdbtest.Open(t, name, migrations, endpoint)
	if err := insert(t.Context(), db, 1, "one"); err != nil {
		t.Fatal(err)
	}
	set(true)
	late := spannerdbtest.Open(t, name, migrations, endpoint)
	var wg sync.WaitGroup
	for what, call := range map[string]func() error{
		"read":               func() error { _, err := counter(t.Context(), db, 1); return err },
		"read and write":     func() error { return increment(t.Context(), db, 1, nothing) },
		"write":              func() error { return insert(t.Context(), db, 3, "three") },
		"check":              func() error { return db.Check(t.Context()) },
		"write, just opened": func() error { return insert(t.Context(), late, 4, "four") },
		"check, just opened": func() error { return late.Check(t.Context()) },
	} {
		wg.Go(func() { wantUnavailable(t, what, call) })
	}
	wg.Wait()
	set(false)
	for _, db := range []*spannerdb.DB{db, late} { // without a restart
		eventually(t, func() error { return db.Check(t.Context()) })
		eventually(t, func() error { return increment(t.Context(), db, 1, nothing) })
	}
	wantUnavailable(t, "down in the middle of a transaction", func() error {
		return increment(t.Context(), db, 1, func(*spannerdb.Tx) error { set(true); return nil })
	})
	set(false)
	eventually(t, func() error { return increment(t.Context(), late, 1, nothing) })
}

// TestDatabaseMadeAnew drops the database of a client, as restarting an
// emulator does.
func TestDatabaseMadeAnew(t *testing.T) {
	t.Parallel()
	name := spannerdbtest.New(t, schema)
	db := spannerdbtest.Open(t, name, migrations)
	if err := insert(t.Context(), db, 1, "one"); err != nil {
		t.Fatal(err)
	}
	admin, err := database.NewDatabaseAdminClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.DropDatabase(t.Context(), &databasepb.DropDatabaseRequest{Database: name}); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, "read", func() error { _, err := counter(t.Context(), db, 1); return err })
	wantUnavailable(t, "write", func() error { return insert(t.Context(), db, 1, "one") })
	wantUnavailable(t, "check", func() error { return db.Check(t.Context()) })
	if _, err := spannerdb.Provision(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := spannerdbtest.Open(t, name, migrations).Migrate(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return db.Check(t.Context()) })
	eventually(t, func() error { return insert(t.Context(), db, 1, "one") })
}
