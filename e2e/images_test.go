package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

const maxImage = 5 << 20 // bytes

// form returns a multipart body and its content type.
func form(parts ...part) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		disposition := fmt.Sprintf("form-data; name=%q", p.key)
		if p.name != "" {
			disposition += fmt.Sprintf("; filename=%q", p.name)
		}
		header := textproto.MIMEHeader{"Content-Disposition": {disposition}}
		if p.contentType != "" {
			header.Set("Content-Type", p.contentType)
		}
		pw, err := w.CreatePart(header)
		if err != nil {
			panic(err) // memory takes it all
		}
		_, _ = pw.Write([]byte(p.content))
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

// upload posts a form.
func (c *client) upload(path string, parts ...part) answer {
	c.t.Helper()
	return c.form(http.MethodPost, path, parts...)
}

func (c *client) form(method, path string, parts ...part) answer {
	c.t.Helper()
	contentType, body := form(parts...)
	return c.do(call{method: method, path: path, body: body, header: []string{"Content-Type", contentType}})
}

func classicImage(c *client) {
	for _, image := range []part{
		{key: "image", name: "me.jpeg", contentType: "image/jpeg", content: jpegOf(20, 30)},
		{key: "image", name: "me.jpg", contentType: "image/jpeg", content: jpegOf(2, 3)},
		{key: "image", name: "ME.JPG", contentType: "image/jpeg", content: jpegOf(4, 3)},
		{key: "image", name: "me and you.png", contentType: "image/png", content: pngOf(20, 30)},
		{key: "image", name: "large.png", contentType: "image/png", content: noisyPNG(1200, 1400)},
	} {
		for _, route := range []string{"upload_image", "upload-image", "upload_image/", "upload-image/"} {
			id, account := newAccount(c)
			other := part{key: "note", content: "hello"}
			attached := c.upload("/accounts/"+id+"/"+route, other, image).expect(200)
			hosted, _ := attached.object()["image_hosted_url"].(string)
			attached.equal(map[string]any{
				"id": json.Number(id), "name": account["name"], "email": account["email"], "address": account["address"], "image_hosted_url": hosted,
			})
			c.get("/accounts/" + id).same(attached)
			if !strings.HasPrefix(hosted, c.url+"/") {
				c.t.Fatalf("image_hosted_url %q is not on %s", hosted, c.url)
			}
			served(c, strings.TrimPrefix(hosted, c.url), image)
		}
	}
}

// served checks that an image is served as it was sent, to GET and HEAD, and
// not again to who has it.
func served(c *client, path string, image part) {
	c.t.Helper()
	got := c.get(path).expect(200)
	if string(got.body) != image.content {
		c.t.Errorf("%s: %d bytes are served of %d, or others", image.name, len(got.body), len(image.content))
	}
	if contentType := got.header.Get("Content-Type"); contentType != image.contentType {
		c.t.Errorf("%s: served as %s", image.name, contentType)
	}
	etag := got.header.Get("ETag")
	if !strings.HasPrefix(etag, `"`) {
		c.t.Errorf("%s: ETag is %s", image.name, etag)
	}
	head := c.head(path).expect(200)
	if head.header.Get("ETag") != etag || head.header.Get("Content-Length") != strconv.Itoa(len(image.content)) {
		c.t.Errorf("%s: HEAD has ETag %s, Content-Length %s", image.name, head.header.Get("ETag"), head.header.Get("Content-Length"))
	}
	c.get(path, "If-None-Match", etag).expect(304)
	c.head(path, "If-None-Match", etag).expect(304)
	c.get(path, "If-None-Match", `"other"`).expect(200)
}

// imageInput sends invalid images to both trees, and checks that nothing of
// them remains.
func imageInput(c *client) {
	id, _ := newAccount(c)
	before := c.get("/v1/accounts/" + id)
	good := part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(1, 1)}
	wrong := func(change func(*part)) []part {
		p := good
		change(&p)
		return []part{p}
	}
	for _, upload := range []struct {
		name     string
		parts    []part
		classic  int
		v1       int
		problem  string
		pointers []string
	}{
		{"extension gif", wrong(func(p *part) { p.name = "a.gif" }), 400, 400, "validation-error", []string{"/image"}},
		{"no extension", wrong(func(p *part) { p.name = "png" }), 400, 400, "validation-error", []string{"/image"}},
		{"extension before the last", wrong(func(p *part) { p.name = "a.png.exe" }), 400, 400, "validation-error", []string{"/image"}},
		{"no part", nil, 400, 400, "validation-error", []string{"/image"}},
		{"other key", wrong(func(p *part) { p.key = "file" }), 400, 400, "validation-error", []string{"/image"}},
		{"key of another case", wrong(func(p *part) { p.key = "Image" }), 400, 400, "validation-error", []string{"/image"}},
		{"no file", wrong(func(p *part) { p.name = "" }), 400, 400, "validation-error", []string{"/image"}},
		{"two files", []part{good, {key: "note", content: "x"}, good}, 400, 400, "validation-error", []string{"/image"}},
		{"declared as text", wrong(func(p *part) { p.contentType = "text/plain" }), 400, 415, "unsupported-media-type", nil},
		{"declared as nothing", wrong(func(p *part) { p.contentType = "" }), 400, 415, "unsupported-media-type", nil},
		{"declared as gif", wrong(func(p *part) { p.contentType = "image/gif" }), 400, 415, "unsupported-media-type", nil},
		{"declared as the other type", wrong(func(p *part) { p.contentType = "image/jpeg" }), 400, 415, "unsupported-media-type", nil},
		{"text", wrong(func(p *part) { p.content = "hello" }), 400, 415, "unsupported-media-type", nil},
		{"GIF", wrong(func(p *part) { p.content = "GIF89a\x01\x00\x01\x00\x00\x00\x00;" }), 400, 415, "unsupported-media-type", nil},
		{"half a header", wrong(func(p *part) { p.content = p.content[:20] }), 400, 415, "unsupported-media-type", nil},
		{"empty file", wrong(func(p *part) { p.content = "" }), 400, 415, "unsupported-media-type", nil},
		{"a header alone", wrong(func(p *part) { p.content = hugePNG(5000, 5000) }), 400, 415, "unsupported-media-type", nil},
		{"half an image", wrong(func(p *part) { p.content = noisyPNG(30, 30)[:2000] }), 400, 415, "unsupported-media-type", nil},
		{"no pixels", wrong(func(p *part) { p.content = hugePNG(0, 0) }), 400, 415, "unsupported-media-type", nil},
		{"one byte too large", wrong(func(p *part) { p.content += strings.Repeat("\x00", maxImage+1-len(p.content)) }), 413, 413, "payload-too-large", nil},
		{"far too large", wrong(func(p *part) { p.content += strings.Repeat("\x00", 8<<20) }), 413, 413, "payload-too-large", nil},
		{"too many pixels", wrong(func(p *part) { p.content = hugePNG(5001, 5000) }), 413, 413, "payload-too-large", nil},
		{"too long", wrong(func(p *part) { p.content = pngOf(65_536, 1) }), 413, 413, "payload-too-large", nil},
		{"far too many pixels", wrong(func(p *part) { p.content = hugePNG(60_000, 60_000) }), 413, 413, "payload-too-large", nil},
		{"too many scans", []part{{key: "image", name: "a.jpg", contentType: "image/jpeg", content: manyScans(65)}}, 413, 413, "payload-too-large", nil},
		{"pixels beyond counting", wrong(func(p *part) { p.content = hugePNG(1<<31-1, 1<<31-1) }), 400, 415, "unsupported-media-type", nil},
	} {
		c.run(upload.name, func(c *client) {
			c.upload("/accounts/"+id+"/upload_image", upload.parts...).problem(upload.classic, upload.problem, upload.pointers...)
			c.upload("/accounts/"+id+"/upload-image", upload.parts...).problem(upload.classic, upload.problem, upload.pointers...)
			c.form("PUT", "/v1/accounts/"+id+"/image", upload.parts...).problem(upload.v1, upload.problem, upload.pointers...)
		})
	}
	brokenForms(c, "POST", "/accounts/"+id+"/upload_image", good)
	brokenForms(c, "PUT", "/v1/accounts/"+id+"/image", good)
	c.json("POST", "/accounts/"+id+"/upload_image", "{}").problem(400, "unsupported-media-type")
	c.do(call{method: "POST", path: "/accounts/" + id + "/upload_image"}).problem(400, "unsupported-media-type")
	c.get("/v1/accounts/" + id).same(before)
	c.get("/v1/accounts/"+id+"/image").problem(404, "no-such-instance-error")
}

// brokenForms sends multipart bodies that cannot be read.
func brokenForms(c *client, method, path string, file part) {
	c.t.Helper()
	contentType, body := form(file)
	_, boundary, _ := strings.Cut(contentType, "boundary=")
	send := func(c *client, contentType, body string) answer {
		return c.do(call{method: method, path: path, body: body, header: []string{"Content-Type", contentType}})
	}
	for name, broken := range map[string][2]string{
		"no boundary":       {"multipart/form-data", body},
		"empty boundary":    {"multipart/form-data; boundary=", body},
		"another boundary":  {"multipart/form-data; boundary=other", body},
		"empty body":        {contentType, ""},
		"no end":            {contentType, strings.TrimSuffix(body, "\r\n--"+boundary+"--\r\n")},
		"header of garbage": {contentType, "--" + boundary + "\r\n\x00\xff\r\n\r\nx\r\n--" + boundary + "--\r\n"},
	} {
		c.run(name, func(c *client) {
			send(c, broken[0], broken[1]).problem(400, "malformed-request", "")
		})
	}
	// a missing file and a truncated one have the same status
	send(c, contentType, body[:len(boundary)+30]).expect(400)
	send(c, contentType, "--"+boundary+"\r\nContent-Disposition: form-data").expect(400)
}

// replacedImage checks that no URL gives an image that was replaced.
func replacedImage(c *client) {
	id, _ := newAccount(c)
	first := part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(3, 3)}
	second := part{key: "image", name: "b.jpg", contentType: "image/jpeg", content: jpegOf(3, 3)}
	hosted := func(image part) string {
		a := c.upload("/accounts/"+id+"/upload_image", image).expect(200)
		return strings.TrimPrefix(a.object()["image_hosted_url"].(string), c.url)
	}
	old := hosted(first)
	etag := c.get(old).expect(200).header.Get("ETag")
	if again := hosted(first); again != old {
		c.t.Errorf("the URL of the same image changed from %s to %s", old, again)
	}
	next := hosted(second)
	if next == old {
		c.t.Errorf("another image has the same URL %s", old)
	}
	served(c, next, second)
	if stale := c.get(old, "If-None-Match", etag); stale.status == 304 || string(stale.body) == first.content {
		c.t.Errorf("%s: the replaced image is served: %d", stale.call, stale.status)
	}
	c.delete("/accounts/" + id).expect(200)
	for _, path := range []string{old, next} {
		c.get(path).problem(404, "no-such-instance-error")
	}
}

func v1Image(c *client) {
	id, account := newAccount(c)
	path := "/v1/accounts/" + id
	c.get(path+"/image").problem(404, "no-such-instance-error")
	content := jpegOf(20, 30)
	raw := func(contentType, body string, chunked bool) answer {
		return c.do(call{method: "PUT", path: path + "/image", body: body, header: []string{"Content-Type", contentType}, chunked: chunked})
	}
	attached := raw("image/jpeg", content, false).expect(200)
	sum := sha256.Sum256([]byte(content))
	img := attached.object()["image"].(map[string]any)
	attached.equal(with(account, map[string]any{
		"version": json.Number("2"), "etag": `"2"`, "updated_at": attached.object()["updated_at"],
		"image": map[string]any{
			"url": img["url"], "content_type": "image/jpeg", "width": json.Number("20"), "height": json.Number("30"),
			"size_bytes": json.Number(strconv.Itoa(len(content))), "sha256": hex.EncodeToString(sum[:]),
		},
	}))
	c.get(path).same(attached)
	served(c, path+"/image", part{contentType: "image/jpeg", content: content})
	served(c, strings.TrimPrefix(img["url"].(string), c.url), part{contentType: "image/jpeg", content: content})

	raw("image/jpeg", content, true).expect(200).same(attached) // no change
	c.form("PUT", path+"/image", part{key: "image", name: "x.png", contentType: "image/png", content: pngOf(1, 2)}).expect(200)
	raw("image/png", content, false).problem(415, "unsupported-media-type")
	raw("text/plain", content, false).problem(415, "unsupported-media-type")
	raw("image/png", "", false).problem(415, "unsupported-media-type")
	raw("image/png", "no image", false).problem(415, "unsupported-media-type")
	c.do(call{method: "PUT", path: path + "/image", body: content}).problem(415, "unsupported-media-type")
	for _, chunked := range []bool{false, true} {
		for _, size := range []int{maxImage + 1, 8 << 20} {
			raw("image/jpeg", content+strings.Repeat("\x00", size-len(content)), chunked).problem(413, "payload-too-large")
		}
	}
	if version := c.get(path).expect(200).number("version"); version != "3" {
		c.t.Errorf("version is %s, want 3", version)
	}

	c.delete(path + "/image").expect(204)
	c.get(path+"/image").problem(404, "no-such-instance-error")
	if img := c.get(path).expect(200).object()["image"]; img != nil {
		c.t.Errorf("the image is %v after its deletion", img)
	}
	c.delete(path).expect(204)
	raw("image/jpeg", content, false).problem(404, "no-such-instance-error")
	c.delete(path+"/image").problem(404, "no-such-instance-error")
}

// withText returns a PNG with a text chunk before its end.
func withText(content, text string) string {
	chunk := "tEXt" + text
	chunk = string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + chunk +
		string(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(chunk))))
	const end = 12 // the length of IEND
	return content[:len(content)-end] + chunk + content[len(content)-end:]
}

// withOrientation returns a JPEG with an Exif segment that has an orientation
// and a camera.
func withOrientation(content string, orientation byte) string {
	tiff := "MM\x00\x2a\x00\x00\x00\x08" + "\x00\x02" +
		"\x01\x0f\x00\x02\x00\x00\x00\x04cam\x00" +
		"\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string([]byte{orientation}) + "\x00\x00" + "\x00\x00\x00\x00"
	exif := "Exif\x00\x00" + tiff
	return content[:2] + "\xff\xe1" + string(binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))) + exif + content[2:]
}

// imagePrivacy checks that of an image nothing but the picture is kept, and
// that it is seen upright.
func imagePrivacy(c *client) {
	id, _ := newAccount(c)
	path := "/v1/accounts/" + id + "/image"
	put := func(contentType, body string) (width, height string, sizeBytes int) {
		a := c.do(call{method: "PUT", path: path, body: body, header: []string{"Content-Type", contentType}}).expect(200)
		img := a.object()["image"].(map[string]any)
		sizeBytes, _ = strconv.Atoi(encode(img["size_bytes"]))
		return encode(img["width"]), encode(img["height"]), sizeBytes
	}
	plain := pngOf(20, 10)
	put("image/png", withText(plain, "Location\x00at home"))
	if got := string(c.get(path).expect(200).body); got != plain {
		c.t.Errorf("%d bytes are served of a PNG with text, want the %d without it", len(got), len(plain))
	}
	put("image/jpeg", withOrientation(jpegOf(20, 10), 1)+"and a film")
	if got := string(c.get(path).expect(200).body); got != jpegOf(20, 10) {
		c.t.Errorf("%d bytes are served of a JPEG with Exif, want the %d without it", len(got), len(jpegOf(20, 10)))
	}
	width, height, size := put("image/jpeg", withOrientation(jpegOf(20, 10), 6))
	content := c.get(path).expect(200).body
	config, err := jpeg.DecodeConfig(bytes.NewReader(content))
	if err != nil || width != "10" || height != "20" || config.Width != 10 || config.Height != 20 || size != len(content) {
		c.t.Errorf("a JPEG on its side is told as %s x %s of %d bytes, and served as %d x %d of %d, %v", width, height, size, config.Width, config.Height, len(content), err)
	}
	if bytes.Contains(content, []byte("Exif")) {
		c.t.Error("the Exif of a turned JPEG is served")
	}
}

// ranges checks which of the ranges of a content are given, refused and ignored.
func ranges(c *client, path string) {
	whole := c.get(path).expect(200)
	size := strconv.Itoa(len(whole.body))
	for _, unsatisfiable := range []string{"bytes=9999999-", "bytes=" + size + "-", "bytes=-0"} {
		a := c.get(path, "Range", unsatisfiable)
		a.problem(416, "range-not-satisfiable")
		if a.header.Get("Content-Range") != "bytes */"+size {
			c.t.Errorf("%s: Content-Range %q, want the size %s", a.call, a.header.Get("Content-Range"), size)
		}
	}
	for _, ignored := range []string{"lines=1-2", "items=0-1", "bytes", "bytes=a", "bytes=5-1", "bytes=0-1,x", "bytes=-"} {
		a := c.get(path, "Range", ignored)
		a.same(whole)
		if h := a.header; h.Get("ETag") != whole.header.Get("ETag") || h.Get("Content-Type") != whole.header.Get("Content-Type") || h.Get("Content-Range") != "" {
			c.t.Errorf("%s, %s: %v", a.call, ignored, h)
		}
	}
	// These hold, and are ignored, with and without a Range.
	for _, condition := range [][]string{{"If-Match", "*"}, {"If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"}} {
		c.get(path, condition...).expect(200).same(whole)
		if a := c.get(path, append(condition, "Range", "bytes=0-0")...).expect(206); !bytes.Equal(a.body, whole.body[:1]) {
			c.t.Errorf("%s, %s: %s", a.call, condition, a.body)
		}
	}
}

// imageSizes checks the smaller forms of an image, its ranges, and how long who
// may keep it.
func imageSizes(c *client) {
	id, _ := newAccount(c)
	path := "/v1/accounts/" + id + "/image"
	content := noisyPNG(300, 150)
	url := func(body string) string {
		a := c.do(call{method: "PUT", path: path, body: body, header: []string{"Content-Type", "image/png"}}).expect(200)
		return strings.TrimPrefix(a.object()["image"].(map[string]any)["url"].(string), c.url)
	}
	hosted := url(content)
	for size, want := range map[string][2]int{"64": {64, 32}, "256": {256, 128}, "1024": {300, 150}} {
		a := c.get(path + "?size=" + size).expect(200)
		config, err := png.DecodeConfig(bytes.NewReader(a.body))
		if err != nil || config.Width != want[0] || config.Height != want[1] || a.header.Get("Content-Type") != "image/png" {
			c.t.Errorf("%s: %d x %d, %s, %v; want %v", a.call, config.Width, config.Height, a.header.Get("Content-Type"), err, want)
		}
		c.get(path + "?size=" + size).expect(200).same(a)
		c.get(path+"?size="+size, "If-None-Match", a.header.Get("ETag")).expect(304)
		c.head(path + "?size=" + size).expect(200)
		if etag := c.get(path).header.Get("ETag"); etag == a.header.Get("ETag") {
			c.t.Errorf("%s: the ETag %s is that of the original", a.call, etag)
		}
	}
	for _, size := range []string{"", "0", "65", "64px", "-64", "1e3", "064", "%2B64", "%20256"} {
		c.get(path+"?size="+size).problem(400, "validation-error", "size")
	}

	part := c.get(path, "Range", "bytes=10-19").expect(206)
	if string(part.body) != content[10:20] || part.header.Get("Content-Range") != "bytes 10-19/"+strconv.Itoa(len(content)) {
		c.t.Errorf("%s: %d bytes, Content-Range %q", part.call, len(part.body), part.header.Get("Content-Range"))
	}
	if rest := c.get(path, "Range", "bytes=10-19", "If-Range", `"other"`).expect(200); string(rest.body) != content {
		c.t.Errorf("%s: %d bytes of another image's range", rest.call, len(rest.body))
	}
	ranges(c, path)

	for address, want := range map[string]string{
		hosted: "private, max-age=31536000, immutable", hosted + "&size=64": "private, max-age=31536000, immutable",
		path: "private, no-cache", path + "?v=0123456789abcdef": "private, no-cache",
	} {
		if got := c.get(address).expect(200).header.Get("Cache-Control"); got != want {
			c.t.Errorf("%s: Cache-Control %q, want %q", address, got, want)
		}
	}
	small := c.get(hosted + "&size=64").expect(200)
	if url(noisyPNG(150, 300)) == hosted {
		c.t.Error("another image has the same URL")
	}
	if stale := c.get(hosted + "&size=64").expect(200); stale.header.Get("Cache-Control") != "private, no-cache" || bytes.Equal(stale.body, small.body) {
		c.t.Errorf("%s: after the image is replaced: %d bytes, Cache-Control %q", stale.call, len(stale.body), stale.header.Get("Cache-Control"))
	}
}
