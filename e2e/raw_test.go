package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// dial opens a connection that fails after 20 seconds.
func (c *client) dial() net.Conn {
	c.t.Helper()
	conn, err := new(net.Dialer).DialContext(c.t.Context(), "tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// raw sends bytes and returns the statuses of the answers until the server
// closes the connection.
func (c *client) raw(text string) (statuses []int) {
	c.t.Helper()
	conn := c.dial()
	go func() { _, _ = io.WriteString(conn, text) }() // the server may stop reading
	r := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses
		}
		statuses = append(statuses, resp.StatusCode)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return statuses
		}
		resp.Body.Close()
	}
}

// brokenHTTP sends malformed HTTP. Every answer must be a 4xx, except to a
// complete request before it, and the server must keep running.
func brokenHTTP(c *client) {
	const host = "Host: localhost\r\n"
	whole := "GET /ping HTTP/1.1\r\n" + host + "\r\n"
	closing := "Connection: close\r\n"
	post := "POST /accounts HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
	for name, sent := range map[string]struct {
		text string
		want string // the statuses; 4xx stands for any one of these
	}{
		"garbage":                         {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 garbage\r\n\r\n", "[400]"},
		"no version":                      {"GET /ping\r\n" + host + "\r\n", "[400]"},
		"unknown version":                 {"GET /ping HTTP/3.0\r\n" + host + "\r\n", "[505]"},
		"no host":                         {"GET /ping HTTP/1.1\r\n\r\n", "[400]"},
		"two hosts":                       {"GET /ping HTTP/1.1\r\n" + host + host + "\r\n", "[400]"},
		"HTTP/1.0 without host":           {"GET /accounts/0 HTTP/1.0\r\n\r\n", "[404]"},
		"bad escape":                      {"GET /%zz HTTP/1.1\r\n" + host + "\r\n", "[400]"},
		"absolute form":                   {"GET http://localhost/ping HTTP/1.1\r\n" + host + closing + "\r\n", "[200]"},
		"asterisk":                        {"GET * HTTP/1.1\r\n" + host + closing + "\r\n", "[4xx]"},
		"OPTIONS *":                       {"OPTIONS * HTTP/1.1\r\n" + host + closing + "\r\n", "[404]"},
		"CONNECT":                         {"CONNECT localhost:80 HTTP/1.1\r\n" + host + closing + "\r\n", "[4xx]"},
		"control character in the header": {"GET /ping HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n", "[400]"},
		"header without a colon":          {"GET /ping HTTP/1.1\r\n" + host + "X\r\n\r\n", "[400]"},
		"header flood":                    {"GET /ping HTTP/1.1\r\n" + host + strings.Repeat("X-Flood: "+strings.Repeat("x", 1000)+"\r\n", 200) + "\r\n", "[431]"},
		"long request line":               {"GET /" + strings.Repeat("x", 200_000) + " HTTP/1.1\r\n" + host + "\r\n", "[431]"},
		"garbage after a request":         {whole + "garbage\r\n\r\n", "[200 400]"},
		"pipeline":                        {whole + whole + "GET /accounts/0 HTTP/1.1\r\n" + host + closing + "\r\n" + whole, "[200 200 404]"},
		"two lengths":                     {post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "[400]"},
		"negative length":                 {post + "Content-Length: -2\r\n\r\n{}", "[400]"},
		"length beyond counting":          {post + "Content-Length: 99999999999999999999\r\n\r\n{}", "[400]"},
		"length of a terabyte":            {post + "Content-Length: 1099511627776\r\n\r\n{}", "[413]"},
		"unknown transfer coding":         {post + "Transfer-Encoding: gzip\r\n\r\n{}", "[501]"},
		"broken chunk":                    {post + closing + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "[400]"},
		"chunk without an end":            {post + closing + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}garbage", "[400]"},
		"chunk beyond counting":           {post + closing + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}", "[400]"},
		"unknown expectation":             {post + closing + "Expect: miracle\r\nContent-Length: 2\r\n\r\n{}", "[417]"},
		"upgrade":                         {"GET /ping HTTP/1.1\r\n" + host + "Connection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n", "[200]"},
		"two content types":               {post + closing + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", "[400]"},
	} {
		c.run(name, func(c *client) {
			c.t.Parallel()
			statuses := c.raw(sent.text)
			switch got := fmt.Sprint(statuses); sent.want {
			case "[4xx]":
				if len(statuses) != 1 || statuses[0]/100 != 4 {
					c.t.Errorf("answered %s", got)
				}
			default:
				if got != sent.want {
					c.t.Errorf("answered %s, want %s", got, sent.want)
				}
			}
			c.get("/readyz").expect(200)
		})
	}
}

// brokenOffRequests begins requests that do not end, and leaves.
func brokenOffRequests(c *client) {
	id, account := newAccount(c)
	contentType, body := form(part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(20, 20)})
	head := func(method, path, contentType string, length int) string {
		return method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + contentType + "\r\nContent-Length: " + strconv.Itoa(length) + "\r\n\r\n"
	}
	profile := profile("Half", uniqueEmail(), "")
	for name, half := range map[string]string{
		"request line":     "PUT /accounts/" + id,
		"header":           "PUT /accounts/" + id + " HTTP/1.1\r\nHost: loc",
		"no body":          head("PUT", "/accounts/"+id, "application/json", len(profile)),
		"half a body":      head("PUT", "/accounts/"+id, "application/json", len(profile)) + profile[:len(profile)/2],
		"body but a byte":  head("PUT", "/v1/accounts/"+id, "application/json", len(profile)+1) + profile,
		"half a form":      head("POST", "/accounts/"+id+"/upload_image", contentType, len(body)) + body[:len(body)/2],
		"form but a byte":  head("PUT", "/v1/accounts/"+id+"/image", contentType, len(body)) + body[:len(body)-1],
		"half an image":    head("PUT", "/v1/accounts/"+id+"/image", "image/png", 2*len(pngOf(2, 2))) + pngOf(2, 2),
		"waiting for 100":  "PUT /accounts/" + id + " HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n",
		"half a chunk":     "PUT /accounts/" + id + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + profile[:9],
		"nothing but line": "\r\n",
	} {
		c.run(name, func(c *client) {
			c.t.Parallel()
			for _, reset := range []bool{false, true} {
				conn := c.dial()
				if _, err := io.WriteString(conn, half); err != nil {
					c.t.Fatal(err)
				}
				if tcp, ok := conn.(*net.TCPConn); ok && reset {
					_ = tcp.SetLinger(0)
				}
				conn.Close()
			}
			c.get("/readyz").expect(200)
		})
	}
	c.run("half closed", func(c *client) {
		conn := c.dial()
		if _, err := io.WriteString(conn, head("PUT", "/accounts/"+id, "application/json", len(profile))+profile[:9]); err != nil {
			c.t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			c.t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
			defer resp.Body.Close()
			if resp.StatusCode/100 != 4 {
				c.t.Errorf("answered %s", resp.Status)
			}
		}
	})
	// The server waits for a body for 60 seconds; the connection's own limit is 20.
	for name, refused := range map[string]struct {
		half   string
		status int
	}{
		"refused route":  {head("POST", "/nope", "application/json", 5000), 404},
		"refused method": {head("PATCH", "/v1/accounts", "application/json", 5000), 405},
		"refused type":   {head("POST", "/v1/accounts", "text/plain", 5000), 415},
		"refused root":   {head("POST", "/accounts", "text/plain", 5000), 400},
	} {
		c.run(name, func(c *client) {
			c.t.Parallel()
			conn := c.dial()
			if _, err := io.WriteString(conn, refused.half+"abc"); err != nil {
				c.t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				c.t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != refused.status {
				c.t.Errorf("answered %s, want %d", resp.Status, refused.status)
			}
		})
	}
	c.run("slow header", func(c *client) {
		conn := c.dial()
		if _, err := io.WriteString(conn, "GET /ping HTTP/1.1\r\nHost: localhost\r\nX: "); err != nil {
			c.t.Fatal(err)
		}
		// The server's limit is 5 seconds; the connection's own is 20.
		if text, err := io.ReadAll(conn); err != nil || (len(text) > 0 && !strings.HasPrefix(string(text), "HTTP/1.1 4")) {
			c.t.Errorf("after %q: %v", text, err)
		}
	})
	c.get("/v1/accounts/" + id).expect(200).equal(account)
}
