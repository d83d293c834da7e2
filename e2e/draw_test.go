package e2e

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color/palette"
	"image/jpeg"
	"image/png"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"pgregory.net/rapid"
)

// value is the text of a parameter.
type value struct {
	text    string
	verdict verdict
}

func oneOf(t *rapid.T, label string, v verdict, texts ...string) value {
	return value{rapid.SampledFrom(texts).Draw(t, label), v}
}

// value draws a parameter.
func (d *driver) value(t *rapid.T, op operation, p *v3.Parameter, faulty bool) value {
	schema := p.Schema.Schema()
	switch {
	case p.In == "path" && schema.Type[0] == "integer":
		return d.id(t, op, schema, faulty)
	case p.In == "path" && faulty: // an empty segment would be another path
		return oneOf(t, p.Name, invalid, "é", "\x7f", "A B", strings.Repeat("a", 1+int(*schema.MaxLength)))
	case p.In == "path" && rapid.Bool().Draw(t, "example"):
		return value{p.Example.Value, valid}
	case p.Name == "after":
		if faulty {
			return oneOf(t, p.Name, invalid, "", "x", "AQ", "é", "MSBhY2NvdW50cyAxNzk1NDQ2MTIzNDU2Nzg5", strings.Repeat("A", 5000))
		}
		return value{d.cursors[op.path], valid}
	case p.Name == "page_token":
		if faulty {
			return oneOf(t, p.Name, invalid, "x", "AQ", "é", "\x00", strings.Repeat("A", 5000))
		}
		return value{"", unclear} // and follow draws valid ones
	case strings.HasPrefix(p.Name, "If-") && op.method != http.MethodGet:
		if faulty {
			return oneOf(t, p.Name, invalid, "", "1", `"1`, `W/1`, `"1" "2"`, `*, "1"`, `w/"1"`)
		}
		return oneOf(t, p.Name, valid, `"1"`, "*", `"1", "2"`, `W/"1"`, `"2"`, `"1-gzip"`, `""`, `"x"`)
	case p.In == "header" && !faulty && schema.Pattern == "":
		return value{rapid.StringMatching(`[ -~]*`).Draw(t, p.Name), valid}
	}
	return drawValue(t, p.Name, schema, faulty)
}

// id draws an id for a path, in most cases one that exists.
func (d *driver) id(t *rapid.T, op operation, schema *base.Schema, faulty bool) value {
	if faulty {
		return oneOf(t, "id", invalid, "-1", "9007199254740992", "99999999999999999999", "x", "1.5", "1e3", "null", " ", "٣", "\x00", "\xff", "a/b", "*", "0x1")
	}
	resource := d.account
	if strings.Contains(op.path, "audios") {
		resource = d.session
	}
	exists := path.Base(resource)
	return oneOf(t, "id", valid, exists, exists, exists, exists, decimal(*schema.Minimum), decimal(*schema.Maximum))
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// drawValue draws a parameter from its schema alone.
func drawValue(t *rapid.T, label string, schema *base.Schema, faulty bool) value {
	switch {
	case len(schema.Enum) > 0 && !faulty:
		var texts []string
		for _, node := range schema.Enum {
			texts = append(texts, node.Value)
		}
		return oneOf(t, label, valid, texts...)
	case len(schema.Enum) > 0:
		return oneOf(t, label, invalid, "", "x", "id desc asc", "ID", "65", "é", "id asc", " id")
	case schema.Type[0] == "integer":
		return drawInteger(t, label, schema, faulty)
	case schema.Type[0] == "boolean" && faulty:
		return oneOf(t, label, invalid, "", "1", "yes", "TRUE", "null", "truefalse")
	case schema.Type[0] == "boolean":
		return oneOf(t, label, valid, "true", "false")
	case schema.Type[0] == "array":
		return drawIntegers(t, label, schema, faulty)
	case schema.Format == "date-time" && faulty:
		return oneOf(t, label, invalid, "", "today", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23", "2026-11-23T15:00:00", "1795446123", "2026-11-23T15:00:00+2", "2026-11-23T5:00:00Z", "2026-11-23T15:00:00,5Z", "2026-11-23T15:00:00+24:30", "2026-11-23T15:00:00-00:60", "2026-11-23T24:00:00Z", "2016-12-31T23:59:60Z", "2026-11-23 15:00:00Z", "99999-01-01T00:00:00Z")
	case schema.Format == "date-time":
		return oneOf(t, label, valid, "2020-01-02T03:04:05Z", "2020-01-02T03:04:05.123456789+14:00", "0001-01-01T00:00:00Z", "2000-02-29T23:59:59.9-12:30", "2025-11-23t15:00:00z")
	case schema.Pattern != "" && faulty:
		return oneOf(t, label, invalid, "", "é", "\x7f", strings.Repeat("a", 1+int(*schema.MaxLength)))
	case faulty: // the only possible fault is text that is not UTF-8
		return value{"\xff", unclear}
	}
	return value{drawText(t, label, schema), valid}
}

func drawInteger(t *rapid.T, label string, schema *base.Schema, faulty bool) value {
	if !faulty {
		return value{decimal(drawNumber(t, label, schema)), valid}
	}
	texts := []string{"", "x", "1.5", "true", "null", " ", "0x10", "1_000", "٣", "1,2", "--1", "\x00", "1\n", "NaN", "1e400"}
	for bound, outside := range map[*float64]float64{schema.Minimum: -1, schema.Maximum: 1} {
		if bound != nil {
			texts = append(texts, decimal(*bound+outside), decimal(*bound+outside*1e19))
		}
	}
	slices.Sort(texts) // as maps are in no order
	return oneOf(t, label, invalid, texts...)
}

func drawIntegers(t *rapid.T, label string, schema *base.Schema, faulty bool) value {
	most := int(*schema.MaxItems)
	if faulty {
		return oneOf(t, label, invalid, "", ",", "1,,2", "1,x", "1;2", "[1]", strings.Repeat("1,", most)+"1", "1,")
	}
	item := schema.Items.A.Schema()
	texts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return decimal(drawNumber(t, label, item)) }), 1, most).Draw(t, label)
	return value{strings.Join(texts, ","), valid}
}

// drawNumber draws an integer or a number in the bounds of its schema, often
// at them.
func drawNumber(t *rapid.T, label string, schema *base.Schema) float64 {
	least, most := 0.0, float64(1<<53-1)
	if schema.Minimum != nil {
		least = *schema.Minimum
	}
	if schema.Maximum != nil {
		most = *schema.Maximum
	}
	bounds := rapid.SampledFrom([]float64{least, most})
	if slices.Contains(schema.Type, "integer") {
		within := rapid.Map(rapid.Int64Range(int64(least), int64(most)), func(n int64) float64 { return float64(n) })
		return rapid.OneOf(bounds, within, within).Draw(t, label)
	}
	return rapid.OneOf(bounds, rapid.Float64Range(least, most)).Draw(t, label)
}

func drawText(t *rapid.T, label string, schema *base.Schema) string {
	texts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", " ", "Zoë", "名前", "\u202e\u200b\ufeff", "😀", "'; --", "%00", "a\\b\"c", "<b>", "e\u0301", "\U0010ffff"}))
	if schema.Pattern != "" {
		texts = rapid.StringMatching(schema.Pattern)
	}
	if schema.MaxLength != nil {
		most := int(*schema.MaxLength)
		texts = texts.Filter(func(s string) bool { return utf8.RuneCountInString(s) <= most })
	}
	return texts.Draw(t, label)
}

// escape writes a text so that it is one segment of a path, or one value in a
// query.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// drawBody draws the body and its type.
func (d *driver) drawBody(t *rapid.T, op operation, fault string, r *drawn) {
	content := maps.Collect(op.RequestBody.Content.FromOldest())
	contentType := rapid.SampledFrom(slices.Sorted(maps.Keys(content))).Draw(t, "type of body")
	switch faulty := fault == "body"; {
	case contentType == "multipart/form-data":
		contentType = d.drawForm(t, op, content, faulty, r)
	case strings.HasSuffix(op.path, ":batch"):
		r.body = []byte(drawBatch(t, contentType, content["application/x-ndjson"].Schema.Schema(), faulty, r))
	case isJSON(contentType):
		r.body = d.drawDocument(t, op, content[contentType].Schema.Schema(), faulty, r)
		contentType += rapid.SampledFrom([]string{"", "", "; charset=utf-8", ";charset=UTF-8"}).Draw(t, "charset")
	default: // an image
		r.body = []byte(drawImage(t, contentType, faulty, r))
	}
	if fault == "Content-Type" {
		contentType = rapid.SampledFrom([]string{"", "text/plain", "application/xml", "application/jsonx", "/", "*/*", "é", "image/gif", "multipart/form-data", "multipart/mixed; boundary=x"}).Draw(t, "Content-Type")
		r.verdict = invalid
	}
	if contentType != "" {
		r.header.Set("Content-Type", contentType)
	}
}

// drawBatch draws a batch of items. A fault of an item is reported in its
// result; only a fault of the whole batch makes a request invalid.
func drawBatch(t *rapid.T, contentType string, item *base.Schema, faulty bool, r *drawn) string {
	var items []string
	for range rapid.IntRange(1, 5).Draw(t, "items") {
		object := drawObject(t, item)
		items = append(items, encode(object))
		if rapid.IntRange(0, 4).Draw(t, "spoilt item") == 0 {
			r.verdict = max(r.verdict, unclear)
			items = append(items, spoil(t, object))
		}
	}
	if faulty {
		r.verdict = invalid
	}
	lines := contentType == "application/x-ndjson"
	switch {
	case faulty && lines:
		return rapid.SampledFrom([]string{"", "\n", " \r\n\t\n", strings.Repeat("{}\n", 1001)}).Draw(t, "lines")
	case faulty:
		return rapid.SampledFrom([]string{"", "null", "[]", "{}", items[0], "[" + items[0], "[" + items[0] + ",]", "[" + strings.Repeat("{},", 1000) + "{}]"}).Draw(t, "array")
	case lines:
		return strings.Join(items, rapid.SampledFrom([]string{"\n", "\r\n", "\n\n"}).Draw(t, "end of line"))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func drawImage(t *rapid.T, contentType string, faulty bool, r *drawn) string {
	content := map[string]string{"image/png": pngOf(3, 2), "image/jpeg": jpegOf(3, 2)}
	if !faulty {
		return drawPicture(t, contentType)
	}
	r.verdict = invalid
	delete(content, contentType)
	other := slices.Collect(maps.Values(content))[0]
	return rapid.SampledFrom([]string{"", "x", other, other[:len(other)-9], hugePNG(1<<30, 1<<30), "GIF89a\x01\x00\x01\x00\x00\x00\x00;"}).Draw(t, "image")
}

// drawPicture draws a valid image of a few pixels, of any kind that there is.
func drawPicture(t *rapid.T, contentType string) string {
	bounds := image.Rect(0, 0, rapid.IntRange(1, 9).Draw(t, "width"), rapid.IntRange(1, 9).Draw(t, "height"))
	img := rapid.SampledFrom([]image.Image{
		image.NewGray(bounds), image.NewGray16(bounds), image.NewPaletted(bounds, palette.Plan9),
		image.NewNRGBA(bounds), image.NewNRGBA64(bounds), image.NewRGBA(bounds), image.NewRGBA64(bounds),
	}).Draw(t, "kind")
	var b bytes.Buffer
	if contentType == "image/png" {
		if err := png.Encode(&b, img); err != nil {
			panic(err)
		}
		if rapid.Bool().Draw(t, "with text") {
			return withText(b.String(), "Comment\x00x")
		}
		return b.String()
	}
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	if orientation := rapid.ByteRange(0, 9).Draw(t, "orientation"); orientation > 0 { // 9 is not a valid one
		return withOrientation(b.String(), orientation)
	}
	return b.String()
}

// drawForm draws a form with an image, or with a document that could also be
// sent by itself.
func (d *driver) drawForm(t *rapid.T, op operation, content map[string]*v3.MediaType, faulty bool, r *drawn) (contentType string) {
	broken := faulty && rapid.Bool().Draw(t, "broken form") // instead of a fault in its content
	file := part{key: "image", name: "me.png", contentType: "image/png"}
	if document, ok := content["application/json"]; ok {
		file = part{key: "audio", name: "a.json", contentType: "application/json"}
		file.content = string(d.drawDocument(t, op, document.Schema.Schema(), faulty && !broken, r))
	} else {
		file.content = drawImage(t, file.contentType, faulty && !broken, r)
	}
	var parts []part // before the file
	if broken {
		r.verdict = invalid
		rapid.SampledFrom([]func(){
			func() { file.key = "file" },
			func() { file.key = "" },
			func() { file.name = "" },
			func() { file.name = "me.txt" },
			func() { file.name = "json" },
			func() { parts = append(parts, file) }, // twice
		}).Draw(t, "part")()
	}
	contentType, body := form(append(parts, file)...)
	r.body = []byte(body)
	return contentType
}

// drawDocument draws a JSON document. The session of a path is that of the
// document, too, and any other one is a fault.
func (d *driver) drawDocument(t *rapid.T, op operation, schema *base.Schema, faulty bool, r *drawn) []byte {
	object := drawObject(t, schema)
	session := ""
	if op.method == http.MethodPut && strings.HasSuffix(op.path, "{session_id}") {
		segment, _, _ := strings.Cut(path.Base(r.target), "?")
		if session = segment; !r.namesNothing {
			object["session_id"] = json.RawMessage(session)
		}
	}
	if !faulty {
		return []byte(encode(object))
	}
	text := spoil(t, object)
	switch _, errs := schemaValidator.ValidateSchemaStringWithVersion(schema, text, 3.1); {
	case len(errs) > 0 || refusedMember(schema, object) || text == "null" || // which the validator takes for nothing
		!json.Valid([]byte(text)) || !utf8.ValidString(text), session != "" && string(object["session_id"]) != session:
		r.verdict = invalid
	case strings.Contains(text, `\ud800`): // half a character
		r.verdict = max(r.verdict, unclear)
	}
	return []byte(text)
}

// refusedMember reports whether an object has a member whose schema is false,
// which the validator does not see.
func refusedMember(schema *base.Schema, object map[string]json.RawMessage) bool {
	for name, member := range schema.Properties.FromOldest() {
		if s := member.Schema(); (s == nil || s.Type == nil) && object[name] != nil {
			return true
		}
	}
	return false
}

// drawObject draws an object with all required members and some others.
func drawObject(t *rapid.T, schema *base.Schema) map[string]json.RawMessage {
	object := map[string]json.RawMessage{}
	for name, member := range schema.Properties.FromOldest() {
		s := member.Schema()
		if s == nil || s.Type == nil { // false
			continue
		}
		if slices.Contains(schema.Required, name) || rapid.Bool().Draw(t, "with "+name) {
			object[name] = json.RawMessage(encode(drawMember(t, name, s)))
		}
	}
	return object
}

func drawMember(t *rapid.T, name string, schema *base.Schema) any {
	switch {
	case slices.Contains(schema.Type, "null") && rapid.IntRange(0, 3).Draw(t, name+" null") == 0:
		return nil
	case schema.Type[0] == "array":
		item := schema.Items.A.Schema()
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float64 { return drawNumber(t, name, item) }), int(*schema.MinItems), int(*schema.MaxItems)).Draw(t, name)
	case schema.Type[0] == "string":
		return drawText(t, name, schema)
	default:
		return json.Number(decimal(drawNumber(t, name, schema)))
	}
}

// junk lists replacements for the values of members.
var junk = []string{
	`null`, `true`, `"3"`, `""`, `-1`, `1.5`, `3.0`, `-0`, `-0.0`, `1e400`, `1E1`, `0.3e1`, `15`, `10`, `-9.999999999999998`, `-100.00000000000001`,
	`9007199254740991`, `9007199254740992`, `9007199254740993`, `123456789012345678901234567890`, `{}`, `[]`, `[null]`, `{"a":{"b":[1]}}`,
	`"\u0000"`, `"\u0085"`, `"\ud800"`, `"\ud83d\ude00"`, `"a@"`, `"@a"`, `"a@b"`, `" a@b "`, `"a\u0007@b"`, `"` + strings.Repeat("é", 1024) + `"`, `"` + strings.Repeat("é", 1025) + `"`,
	`"` + strings.Repeat("é", 318) + `@b"`, `"` + strings.Repeat("é", 319) + `@b"`,
	`[-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10]`, `[-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10]`,
	`[-10,-10,-10,-10,-10,-10,-10,"-10",-10,-10,-10,-10,-10,-10,-10]`, `[-10,-10,-10,-10,-10,-10,-10,null,-10,-10,-10,-10,-10,-10,-10]`, `[-10,-10,-10,-10,-10,-10,-10,-1e1,-10,-10,-10,-10,-10,-10,-10]`,
	`[-10,-10,-10,-10,-10,-10,-10,-1e999,-10,-10,-10,-10,-10,-10,-10]`, `[[-10],-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10,-10]`,
}

// spoil puts something else in the place of a member, takes one out or adds
// one, or breaks the text; which is not always a fault.
func spoil(t *rapid.T, object map[string]json.RawMessage) string {
	names := slices.Sorted(maps.Keys(object))
	switch how := rapid.SampledFrom([]string{"replace", "replace", "replace", "remove", "add", "break"}).Draw(t, "how"); {
	case how == "break":
		text := encode(object)
		return rapid.SampledFrom([]string{
			"", " ", "{", "[]", "null", `"x"`, "0", text + "x", text + text, text[:len(text)-1], "[" + text + "]", strings.Replace(text, ":", "=", 1),
			"\xff", "{\"name\":\"\xff\"" + "}", strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 20_000), "\x00" + text, "// x\n" + text, "{" + `"a":01` + "}", `{'a':1}`,
		}).Draw(t, "text")
	case how == "add" || len(names) == 0:
		name := rapid.SampledFrom([]string{"x", "", "id", "version", "etag", "created_at", "image", "file_url", "Name", "TICKS", "__proto__", "name\x00"}).Draw(t, "name")
		object[name] = json.RawMessage(rapid.SampledFrom([]string{"1", "null", `"x"`, "[]", `{"a":[{}]}`}).Draw(t, "value"))
	case how == "remove":
		delete(object, rapid.SampledFrom(names).Draw(t, "name"))
	default:
		object[rapid.SampledFrom(names).Draw(t, "name")] = json.RawMessage(rapid.SampledFrom(junk).Draw(t, "value"))
	}
	return encode(object)
}
