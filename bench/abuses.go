package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// abuse is how a hostile or broken client uses a system. run returns when the
// client has left.
type abuse struct {
	name string
	run  func(ctx context.Context, s *abused) (*tally, error)
}

// abuseGroups are the abuses that need the same settings.
var abuseGroups = []struct {
	prefix string   // a command of the shell that runs before each program
	env    []string // of the process of the public
	keys   bool     // it knows some
	abuses []abuse
}{
	{abuses: []abuse{
		{"promised-lengths", promiseLengths},
		{"images-of-5-MB", sendImages},
		{"refused-batches", sendBatches},
		{"http2-stops-reading", stopReadingHTTP2},
		{"promised-bodies", promiseBodies},
		{"slow-lists", listSlowly},
		{"slow-readers", readSlowly},
		{"image-bombs", sendBombs},
		{"scaled-images", askForSizes},
		{"readyz", askForReadiness},
	}},
	{prefix: "ulimit -n 256; ", abuses: []abuse{{"streams-at-256-files", openStreams}}},
	{
		keys: true,
		env: []string{
			"CONCHA_ANONYMOUS_SCOPES=accounts:read,accounts:write,audios:read,audios:write,events:read", "CONCHA_ANONYMOUS_RATE_LIMIT=1000000/s",
		},
		abuses: []abuse{{"wrong-keys", sendWrongKeys}},
	},
}

// tally counts answers by their status, or by how a request ended otherwise.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[outcome]++
}

// addError counts a request that ended with err.
func (t *tally) addError(err error) {
	refused, ok := errors.AsType[statusError](err)
	timeout, waited := errors.AsType[net.Error](err)
	switch {
	case err == nil:
		t.add("2xx")
	case ok:
		t.add(refused.status)
	case waited && timeout.Timeout():
		t.add("no answer until the client left")
	default:
		t.add("broken off")
	}
}

// together runs do for many connections at once. The connections are closed
// afterwards.
func together(ctx context.Context, s *abused, conns int, do func(n int, c *client) error) (*tally, error) {
	t := &tally{counts: map[string]int{}}
	var wg sync.WaitGroup
	for n := range conns {
		wg.Go(func() {
			c, err := dial(ctx, s.addr())
			if err != nil {
				t.add("not connected")
				return
			}
			defer c.conn.Close()
			defer context.AfterFunc(ctx, func() { c.conn.Close() })()
			t.addError(do(n, c))
		})
	}
	wg.Wait()
	return t, ctx.Err()
}

// held is how long clients stay that do nothing more.
const held = 20 * time.Second

// promiseLengths sends the beginning of large bodies and waits.
func promiseLengths(ctx context.Context, s *abused) (*tally, error) {
	return together(ctx, s, 200, func(n int, c *client) error {
		head := putImage(s.ids[n], 5<<20)
		begin := append(pngHeader(), make([]byte, 68<<10)...)
		if n%2 == 0 {
			head, begin = post("/v1/accounts:batch", 5<<20), bytes.Repeat([]byte("[{},"), 17<<10)
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(held))
		return c.roundTrip(append(head, begin...))
	})
}

// sendImages sends whole images of nearly 5 MiB.
func sendImages(ctx context.Context, s *abused) (*tally, error) {
	picture, err := noise(2200, 2200)
	if err != nil {
		return nil, err
	}
	return together(ctx, s, 300, func(n int, c *client) error {
		return c.send(putImage(s.ids[n], len(picture)), picture)
	})
}

// sendBatches sends batches in which all is wrong.
func sendBatches(ctx context.Context, s *abused) (*tally, error) {
	many := append(bytes.Repeat([]byte("{},"), 5<<20/3), "{}]"...)
	many[0] = '['
	long := []byte("[")
	for range 1000 {
		long = append(append(append(long, `{"name":[`...), strings.Repeat(`"\u0007",`, 580)...), `1],"email":"x","address":3},`...)
	}
	long[len(long)-1] = ']'
	return together(ctx, s, 100, func(n int, c *client) error {
		body := [][]byte{many, long}[n%2]
		return c.send(post("/v1/accounts:batch", len(body)), body)
	})
}

// send sends a request in two parts and reads its answer, also if that comes
// before the whole body is sent.
func (c *client) send(head, body []byte) error {
	_ = c.conn.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := c.conn.Write(head); err != nil {
		return err
	}
	go func() { _, _ = c.conn.Write(body) }() // ends with the connection
	return c.roundTrip(nil)
}

// stopReadingHTTP2 asks for a hundred exports over each of 3 connections of
// HTTP/2, and reads nothing. It stays for longer than the server's patience.
func stopReadingHTTP2(ctx context.Context, s *abused) (*tally, error) {
	return together(ctx, s, 3, func(_ int, c *client) error {
		if _, err := c.conn.Write(http2Requests("/v1/accounts:export", 100)); err != nil {
			return err
		}
		sleep(ctx, 3*held)
		return statusError{status: fmt.Sprintf("%d goroutines when the client leaves", s.processes[0].goroutines(ctx))}
	})
}

func http2Requests(path string, n int) []byte {
	frames := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	// GET, http, and the path and the host as literals (RFC 7541).
	fields := "\x82\x86\x04" + string(rune(len(path))) + path + "\x41\x09localhost"
	for i := range n {
		frames = append(frames, 0, 0, byte(len(fields)), 1, 5)
		frames = binary.BigEndian.AppendUint32(frames, uint32(2*i+1))
		frames = append(frames, fields...)
	}
	return frames
}

// promiseBodies asks for long answers with a body that never comes, and reads
// them.
func promiseBodies(ctx context.Context, s *abused) (*tally, error) {
	return together(ctx, s, 100, func(n int, c *client) error {
		path := []string{"/v1/accounts:export", "/v1/events/accounts"}[n%2]
		request := "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream, */*\r\nContent-Length: 1000\r\n\r\n"
		if _, err := io.WriteString(c.conn, request); err != nil {
			return err
		}
		return c.readFor(held)
	})
}

// readFor reads what comes for some time.
func (c *client) readFor(d time.Duration) error {
	_ = c.conn.SetReadDeadline(time.Now().Add(d))
	_, err := io.Copy(io.Discard, c.r)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return statusError{status: "still open"}
	}
	return statusError{status: "ended"}
}

// listSlowly asks for the dearest pages and totals, again and again.
func listSlowly(ctx context.Context, s *abused) (*tally, error) {
	return together(ctx, s, 16, func(_ int, c *client) error {
		request := get([]byte("GET /v1/accounts?name=nobody&address=nowhere&order_by=updated_at%20desc&page_size=1000&include_total=true"))
		all := get([]byte("GET /v1/accounts?order_by=created_at%20desc&page_size=1000&include_total=true"))
		for begun := time.Now(); time.Since(begun) < held; {
			if err := errors.Join(c.roundTrip(request), c.roundTrip(all)); err != nil {
				return err
			}
		}
		return nil
	})
}

// readSlowly reads exports, pages and streams by a few bytes a second.
func readSlowly(ctx context.Context, s *abused) (*tally, error) {
	paths := []string{"/v1/accounts:export", "/v1/accounts?page_size=1000", "/v1/events/accounts?limit=1000"}
	return together(ctx, s, 100, func(n int, c *client) error {
		return c.readSlowly(ctx, paths[n%len(paths)])
	})
}

// readSlowly reads the answer to a GET by a few bytes a second.
func (c *client) readSlowly(ctx context.Context, path string) error {
	if _, err := c.conn.Write(get([]byte("GET " + path))); err != nil {
		return err
	}
	few := make([]byte, 64)
	for begun := time.Now(); time.Since(begun) < 2*held; {
		if _, err := io.ReadFull(c.conn, few); err != nil {
			return err
		}
		if !sleep(ctx, time.Second) {
			break
		}
	}
	return statusError{status: "still open"}
}

// askForSizes asks for images of 5 MB in each size for the first time, all at once,
// and reads slowly those that it gets.
func askForSizes(ctx context.Context, s *abused) (*tally, error) {
	picture, err := noise(2200, 2200)
	if err != nil {
		return nil, err
	}
	ids, sizes := s.ids[:60], []int{64, 256, 1024}
	if _, err := together(ctx, s, 1, func(_ int, c *client) error {
		for _, id := range ids {
			if err := c.roundTrip(append(putImage(id, len(picture)), picture...)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return together(ctx, s, len(ids)*len(sizes), func(n int, c *client) error {
		path := fmt.Sprintf("/v1/accounts/%d/image?size=%d", ids[n%len(ids)], sizes[n/len(ids)])
		_ = c.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
		if err := c.roundTrip(get([]byte("GET " + path))); err != nil {
			return err
		}
		return c.readSlowly(ctx, path)
	})
}

// sendBombs sends small files with as many pixels as are allowed.
func sendBombs(ctx context.Context, s *abused) (*tally, error) {
	var bomb bytes.Buffer
	if err := png.Encode(&bomb, image.NewRGBA(image.Rect(0, 0, 5000, 5000))); err != nil {
		return nil, err
	}
	return together(ctx, s, 200, func(n int, c *client) error {
		return c.send(putImage(s.ids[n], bomb.Len()), bomb.Bytes())
	})
}

// askForReadiness asks for readiness as fast as it is answered, while others
// write.
func askForReadiness(ctx context.Context, s *abused) (*tally, error) {
	return together(ctx, s, 20, func(n int, c *client) error {
		random := rand.New(rand.NewPCG(uint64(n), rand.Uint64()))
		for begun := time.Now(); time.Since(begun) < held/2; {
			request := get([]byte("GET /readyz"))
			if n%5 == 0 {
				request = postAccount(nil, nil, random)
			}
			if err := c.roundTrip(request); err != nil {
				return err
			}
		}
		return nil
	})
}

// openStreams opens more streams than the process has descriptors for.
func openStreams(ctx context.Context, s *abused) (*tally, error) {
	return together(ctx, s, 300, func(_ int, c *client) error {
		if _, err := io.WriteString(c.conn, "GET /v1/events/accounts HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
			return err
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(held))
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return statusError{status: strconv.Itoa(res.StatusCode)}
		}
		c.r = bufio.NewReader(res.Body)
		return c.readFor(held)
	})
}

// sendWrongKeys sends wrong keys from many addresses.
func sendWrongKeys(ctx context.Context, s *abused) (*tally, error) {
	return together(ctx, s, 16, func(n int, c *client) error {
		random := rand.New(rand.NewPCG(uint64(n), rand.Uint64()))
		for range 6000 {
			request := fmt.Sprintf("GET /v1/accounts/1%sX-Forwarded-For: 10.%d.%d.%d\r\nAuthorization: Bearer concha_%s_%s\r\n\r\n",
				head, random.IntN(256), random.IntN(256), random.IntN(256), randomText(random, 8), randomText(random, 43))
			if err := c.roundTrip([]byte(request)); err != nil {
				if refused, ok := errors.AsType[statusError](err); !ok || refused.status != "401" {
					return err
				}
			}
		}
		return statusError{status: "401 for each of 6,000"}
	})
}

func putImage(id int64, length int) []byte {
	return fmt.Appendf(nil, "PUT /v1/accounts/%d/image%sContent-Type: image/png\r\nContent-Length: %d\r\n\r\n", id, head, length)
}

func post(path string, length int) []byte {
	return fmt.Appendf(nil, "POST %s%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, head, length)
}

// pngHeader is the beginning of an image of 1000 x 1000 pixels.
func pngHeader() []byte {
	picture, _ := noise(1000, 1000)
	return picture[:100]
}

// noise is a picture that cannot be compressed.
func noise(width, height int) ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, width, height))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(random.Uint32())
	}
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, img)
	return b.Bytes(), err
}

// warmUp creates the data, and uses each path as well-behaved clients do.
func (s *abused) warmUp(ctx context.Context) error {
	data := &side{server: s.processes[0].server}
	var err error
	if s.ids, err = data.create(ctx, 10_000); err != nil {
		return err
	}
	data.ids = s.ids
	picture, err := noise(2200, 2200)
	if err != nil {
		return err
	}
	base := "http://" + s.addr()
	for _, id := range s.ids[:4] {
		if err := call(ctx, http.MethodPut, fmt.Sprintf("%s/v1/accounts/%d/image", base, id), "image/png", picture, nil); err != nil {
			return err
		}
	}
	for _, path := range []string{"/v1/accounts:export", "/v1/accounts?page_size=1000&include_total=true", "/v1/events/accounts?limit=1000", "/readyz"} {
		if err := call(ctx, http.MethodGet, base+path, "", nil, nil); err != nil {
			return err
		}
	}
	batch := append(bytes.Repeat([]byte(",{}"), 1000), ']')
	batch[0] = '['
	if err := call(ctx, http.MethodPost, base+"/v1/accounts:batch", "application/json", batch, nil); err != nil {
		return err
	}
	for _, next := range []request{getAccount, getClassic, putAccount, postAccount, postAudio} {
		if _, err := (load{conns: 64, length: 2 * time.Second}).run(ctx, data, next); err != nil {
			return err
		}
	}
	return nil
}
