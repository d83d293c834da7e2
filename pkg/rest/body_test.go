package rest_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode) // otherwise CreateTestContext logs
	m.Run()
}

func post(body io.Reader, contentType string) *gin.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodPost, "/", body)
	if contentType != "" {
		c.Request.Header.Set("Content-Type", contentType)
	}
	return c
}

// chunked hides the length of a body.
func chunked(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) }

func TestRequireContentType(t *testing.T) {
	tests := []struct {
		got   string
		types []string
		want  string
	}{
		{"application/json", []string{"application/json"}, ""},
		{"Application/JSON ; charset=UTF-8", []string{"application/json"}, ""},
		{"application/json;", []string{"image/png", "application/json"}, ""},
		{"application/geo+json", []string{"application/json", "application/*+json"}, ""},
		{"application/geo+json", []string{"application/json"}, `a body of type "application/geo+json" is not accepted here; send application/json`},
		{"application/+json", []string{"application/*+json"}, `a body of type "application/+json" is not accepted here; send application/*+json`},
		{"text/plain", []string{"image/png", "image/jpeg"}, `a body of type "text/plain" is not accepted here; send image/png or image/jpeg`},
		{"", []string{"application/json"}, "the Content-Type is missing; send application/json"},
	}
	for _, tt := range tests {
		t.Run(tt.got, func(t *testing.T) {
			err := rest.RequireContentType(post(nil, tt.got), tt.types...)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("err = %v", err)
			case tt.want != "" && (!errors.Is(err, httpserver.ErrUnsupported) || err.Error() != tt.want):
				t.Errorf("err = %v, want %s", err, tt.want)
			}
		})
	}
}

func TestRequireContentTypeRefusesCompressedBodies(t *testing.T) {
	c := post(nil, "application/json")
	c.Request.Header.Set("Content-Encoding", "gzip")
	if err := rest.RequireContentType(c, "application/json"); !errors.Is(err, httpserver.ErrUnsupported) || !strings.Contains(err.Error(), "Content-Encoding") {
		t.Errorf("err = %v", err)
	}
}

func TestReadBody(t *testing.T) {
	large := strings.Repeat("x", 300_000)
	for name, body := range map[string]io.Reader{"with a length": strings.NewReader(large), "chunked": chunked(large)} {
		t.Run(name, func(t *testing.T) {
			got, err := rest.ReadBody(post(body, ""), int64(len(large)))
			if err != nil || string(got) != large {
				t.Errorf("read %d bytes, err = %v", len(got), err)
			}
		})
	}
	if got, err := rest.ReadBody(post(nil, ""), 10); err != nil || len(got) != 0 {
		t.Errorf("no body: %q, %v", got, err)
	}
}

// The memory of a body grows with what has arrived, and ends with its length.
func TestReadBodyTakesTheMemoryOfTheBody(t *testing.T) {
	const size = 5 << 20
	promised := post(iotest.ErrReader(io.ErrUnexpectedEOF), "application/json")
	promised.Request.ContentLength = size
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = rest.ReadBody(promised, rest.MaxUpload)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 256<<10 {
		t.Errorf("%d bytes are allocated for a body that does not arrive", allocated)
	}
	for _, length := range []int64{size, -1} {
		c := post(io.LimitReader(neverEnding('x'), size), "application/json")
		c.Request.ContentLength = length
		body, err := rest.ReadBody(c, rest.MaxUpload)
		if err != nil || len(body) != size {
			t.Fatalf("ReadBody = %d bytes, %v", len(body), err)
		}
		if length == size && cap(body) > size+64<<10 {
			t.Errorf("the memory of %d bytes for a body of %d", cap(body), size)
		}
	}
}

type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

func TestReadBodyRefuses(t *testing.T) {
	never := iotest.ErrReader(errors.New("was read"))
	tests := map[string]struct {
		body   io.Reader
		length int64
		want   error
		detail string
	}{
		"a length above the limit, unread": {never, 11, httpserver.ErrTooLarge, "the body is larger than 10 bytes"},
		"chunks above the limit":           {chunked("12345678901"), -1, httpserver.ErrTooLarge, "the body is larger than 10 bytes"},
		"a body that breaks off":           {iotest.ErrReader(io.ErrUnexpectedEOF), -1, httpserver.ErrMalformed, "the body broke off before its end"},
		"a body that is too slow":          {iotest.ErrReader(os.ErrDeadlineExceeded), -1, httpserver.ErrMalformed, "the body did not arrive in time"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := post(tt.body, "")
			c.Request.ContentLength = tt.length
			_, err := rest.ReadBody(c, 10)
			f, _ := errors.AsType[*fault.Error](err)
			if !errors.Is(err, tt.want) || f.Detail != tt.detail {
				t.Errorf("err = %v, want %v", err, tt.detail)
			}
			if closes := c.Writer.Header().Get("Connection") == "close"; closes != errors.Is(err, httpserver.ErrTooLarge) {
				t.Errorf("Connection: close is %v", closes)
			}
		})
	}
}

const (
	formType = "multipart/form-data; boundary=b"
	field    = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n"
	noFile   = "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nhello\r\n"
	file     = "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"dir/a.png\"\r\nContent-Type: image/png\r\n\r\nPNG\x00\xff\r\n"
	formEnd  = "--b--\r\n"
)

func TestOpenPart(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"with a length": strings.NewReader(field + noFile + file + formEnd), "chunked": chunked(field + noFile + file + formEnd),
		"with more behind it": strings.NewReader(file + field + noFile + formEnd),
	} {
		t.Run(name, func(t *testing.T) {
			part, err := rest.OpenPart(post(body, formType), "image", rest.MaxUpload)
			if err != nil {
				t.Fatal(err)
			}
			if part.FileName() != "a.png" || part.Header.Get("Content-Type") != "image/png" {
				t.Errorf("name %q, header %v", part.FileName(), part.Header)
			}
			if got, err := io.ReadAll(part); err != nil || string(got) != "PNG\x00\xff" {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

func TestOpenPartRefuses(t *testing.T) {
	large := strings.Repeat("x", 2000)
	tests := map[string]struct {
		body        io.Reader
		contentType string
		want        error
		pointer     string
		detail      string
	}{
		"another type":           {nil, "application/json", httpserver.ErrUnsupported, "", ""},
		"no boundary":            {nil, "multipart/form-data", httpserver.ErrMalformed, "", "the Content-Type names no multipart boundary"},
		"nothing":                {strings.NewReader(""), formType, httpserver.ErrMalformed, "", "the multipart body is broken or breaks off before its end"},
		"no such part":           {strings.NewReader(field + formEnd), formType, fault.Invalidate(fault.Violation{}), "/image", "is required: a file in a part of this name"},
		"no file name":           {strings.NewReader(noFile + formEnd), formType, fault.Invalidate(fault.Violation{}), "/image", "must be a file: its part has no file name"},
		"a length above limit":   {strings.NewReader(field + large), formType, httpserver.ErrTooLarge, "", ""},
		"chunks above the limit": {chunked(field + large), formType, httpserver.ErrTooLarge, "", ""},
		"broken in a field":      {strings.NewReader(field), formType, httpserver.ErrMalformed, "", "the multipart body is broken or breaks off before its end"},
		"broken header":          {strings.NewReader("--b\r\n:\r\n\r\n"), formType, httpserver.ErrMalformed, "", "the multipart body is broken or breaks off before its end"},
		"a broken connection":    {iotest.ErrReader(io.ErrUnexpectedEOF), formType, httpserver.ErrMalformed, "", "the body broke off before its end"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := rest.OpenPart(post(tt.body, tt.contentType), "image", 1000)
			if !errors.Is(err, tt.want) {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			if tt.detail != "" {
				checkDetail(t, err, tt.pointer, tt.detail)
			}
		})
	}
}

func TestPartReadFails(t *testing.T) {
	start := strings.TrimSuffix(file, "\r\n")
	tests := map[string]struct {
		body io.Reader
		want error
	}{
		"at a body that ends early": {strings.NewReader(start), httpserver.ErrMalformed},
		"at a connection that ends": {io.MultiReader(strings.NewReader(start), iotest.ErrReader(io.ErrUnexpectedEOF)), httpserver.ErrMalformed},
		"behind the file":           {strings.NewReader(file + field), httpserver.ErrMalformed},
		"at another file":           {strings.NewReader(file + field + file + formEnd), fault.Invalidate(fault.Violation{})},
		"above the limit behind it": {io.MultiReader(strings.NewReader(file+field), chunked(strings.Repeat("x", 9000))), httpserver.ErrTooLarge},
		"above the limit":           {io.MultiReader(strings.NewReader(start), chunked(strings.Repeat("x", 9000))), httpserver.ErrTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			part, err := rest.OpenPart(post(io.MultiReader(tt.body), formType), "image", 8000)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, part); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}

func FuzzOpenPart(f *testing.F) {
	f.Add([]byte(field+file+formEnd), formType)
	f.Add([]byte(noFile), formType)
	f.Add([]byte("--b\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n=4\r\n--b--"), formType)
	f.Add([]byte(file), "multipart/form-data; boundary=")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		c := post(bytes.NewReader(body), "")
		c.Request.Header["Content-Type"] = []string{contentType}
		part, err := rest.OpenPart(c, "image", 4096)
		if err == nil {
			if part.FileName() == "" || part.FormName() != "image" {
				t.Errorf("part %q, file %q", part.FormName(), part.FileName())
			}
			_, err = io.Copy(io.Discard, part)
		}
		switch fault.KindOf(err) {
		case fault.Invalid, fault.Unsupported, fault.TooLarge:
		default:
			if err != nil {
				t.Errorf("err = %v", err)
			}
		}
	})
}
