package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

const maxImage = 5 << 20 // bytes

func picture(width, height int, c color.Gray) image.Image {
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = c.Y
	}
	return img
}

func pngOf(width, height int) string {
	var b bytes.Buffer
	if err := png.Encode(&b, picture(width, height, color.Gray{Y: 7})); err != nil {
		panic(err)
	}
	return b.String()
}

func jpegOf(width, height int) string {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(width, height, color.Gray{Y: 9}), nil); err != nil {
		panic(err)
	}
	return b.String()
}

// hugePNG is the start of a PNG that claims to be this large.
func hugePNG(width, height uint32) string {
	header := []byte("IHDR")
	header = binary.BigEndian.AppendUint32(header, width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append(header, 8, 0, 0, 0, 0)
	return "\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + string(binary.BigEndian.AppendUint32(header, crc32.ChecksumIEEE(header)))
}

// part is a file, or, without a name, a field of a form.
type part struct {
	key, name, contentType string
	content                string
}

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
		{key: "image", name: "large.png", contentType: "image/png", content: pngOf(9, 9) + strings.Repeat("\x00", maxImage-len(pngOf(9, 9)))},
		{key: "image", name: "25 megapixels.png", contentType: "image/png", content: hugePNG(5000, 5000)},
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

// imageInput sends what is no image to both trees, and checks that nothing of
// it stays.
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
		{"declared as text", wrong(func(p *part) { p.contentType = "text/plain" }), 400, 415, "unsupported-media-type", nil},
		{"declared as nothing", wrong(func(p *part) { p.contentType = "" }), 400, 415, "unsupported-media-type", nil},
		{"declared as gif", wrong(func(p *part) { p.contentType = "image/gif" }), 400, 415, "unsupported-media-type", nil},
		{"declared as the other type", wrong(func(p *part) { p.contentType = "image/jpeg" }), 400, 415, "unsupported-media-type", nil},
		{"text", wrong(func(p *part) { p.content = "hello" }), 400, 415, "unsupported-media-type", nil},
		{"GIF", wrong(func(p *part) { p.content = "GIF89a\x01\x00\x01\x00\x00\x00\x00;" }), 400, 415, "unsupported-media-type", nil},
		{"half a header", wrong(func(p *part) { p.content = p.content[:20] }), 400, 415, "unsupported-media-type", nil},
		{"empty file", wrong(func(p *part) { p.content = "" }), 400, 415, "unsupported-media-type", nil},
		{"no pixels", wrong(func(p *part) { p.content = hugePNG(0, 0) }), 400, 415, "unsupported-media-type", nil},
		{"one byte too large", wrong(func(p *part) { p.content += strings.Repeat("\x00", maxImage+1-len(p.content)) }), 413, 413, "payload-too-large", nil},
		{"far too large", wrong(func(p *part) { p.content += strings.Repeat("\x00", 8<<20) }), 413, 413, "payload-too-large", nil},
		{"too many pixels", wrong(func(p *part) { p.content = hugePNG(5001, 5000) }), 413, 413, "payload-too-large", nil},
		{"far too many pixels", wrong(func(p *part) { p.content = hugePNG(60_000, 60_000) }), 413, 413, "payload-too-large", nil},
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
	// Whether the file is missing or cut off is not told apart here.
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
