package httpserver

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A long answer extends its deadlines. A client that has promised a body and
// sends none must not hold the connection longer than that.
func TestPromisedBodyOfALongAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const stall = 30 * time.Second
		waited := make(chan time.Duration, 1)
		conn := dial(t, func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			for range 5 { // longer than a request without Extend
				Extend(control, stall)
				_, _ = io.WriteString(w, "x")
				_ = control.Flush()
				time.Sleep(stall - time.Second)
			}
			Extend(control, stall)
			begun := time.Now()
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				t.Error("the body was read to its end")
			}
			waited <- time.Since(begun)
		})
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		select {
		case took := <-waited:
			if took > stall {
				t.Errorf("the wait for the body took %v", took)
			}
		case <-time.After(10 * time.Minute):
			t.Fatal("the request has no deadline any more")
		}
		time.Sleep(time.Minute)
	})
}

// Frames of HTTP/2 (RFC 9113): the preface with empty settings, and a GET of /
// in HPACK's static table.
const (
	http2Preface  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	http2Get      = "\x82\x86\x84\x41\x01x"
	http2Complete = "\x01\x05" // HEADERS, END_STREAM and END_HEADERS
)

// sendHTTP2 sends requests on streams of their own.
func sendHTTP2(t *testing.T, conn net.Conn, requests int) {
	t.Helper()
	frames := []byte(http2Preface)
	for n := range requests {
		frames = append(frames, 0, 0, byte(len(http2Get)))
		frames = append(frames, http2Complete...)
		frames = binary.BigEndian.AppendUint32(frames, uint32(2*n+1))
		frames = append(frames, http2Get...)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
	_, _ = conn.Write(frames) // the server may refuse the last ones
	_ = conn.SetWriteDeadline(time.Time{})
}

// answerPings reads what comes and acknowledges pings. It opens the window of no
// stream.
func answerPings(conn net.Conn) {
	const ping, ack = 6, 1
	for header := make([]byte, 9); ; {
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		payload := make([]byte, int(header[0])<<16|int(header[1])<<8|int(header[2]))
		if _, err := io.ReadFull(conn, payload); err != nil {
			return
		}
		if header[3] == ping && header[4] != ack {
			header[4] = ack
			_, _ = conn.Write(slices.Concat(header, payload))
		}
	}
}

// An HTTP/2 client that asks for long answers and stops reading, its connection
// or only its streams, must not pin them, nor more than a bounded number.
func TestHTTP2ClientThatStopsReading(t *testing.T) {
	for name, read := range map[string]func(net.Conn){
		"the connection": func(net.Conn) {},
		"its streams":    answerPings,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open, most atomic.Int64
				conn := dial(t, func(w http.ResponseWriter, r *http.Request) {
					most.Store(max(most.Load(), open.Add(1)))
					defer open.Add(-1)
					control := http.NewResponseController(w)
					for r.Context().Err() == nil {
						Extend(control, 30*time.Second)
						if _, err := fmt.Fprintf(w, "%4096d\n", 0); err != nil || control.Flush() != nil {
							return
						}
					}
				})
				go read(conn)
				go sendHTTP2(t, conn, 2*maxStreams)
				synctest.Wait()
				if n := open.Load(); n == 0 || n > maxStreams {
					t.Errorf("%d answers are under way", n)
				}
				time.Sleep(2 * time.Minute)
				if n := open.Load(); n != 0 {
					t.Errorf("%d of %d answers are still under way", n, most.Load())
				}
				_ = conn.Close()
			})
		})
	}
}
