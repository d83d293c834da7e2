package rest_test

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

func parse(t *testing.T, body string) *rest.Object {
	t.Helper()
	o, err := rest.ParseObject([]byte(body))
	if err != nil {
		t.Fatalf("ParseObject(%q): %v", body, err)
	}
	return o
}

func violations(err error) []fault.Violation {
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil {
		return nil
	}
	return f.Violations
}

func TestParseObjectRefuses(t *testing.T) {
	tests := map[string]struct {
		body, code string
		want       fault.Violation
	}{
		"nothing":      {"", "malformed-request", fault.Violation{Detail: "the body is empty; send a JSON object"}},
		"space":        {" \n", "malformed-request", fault.Violation{Detail: "the body is empty; send a JSON object"}},
		"broken":       {"{\n  \"é\": x}", "malformed-request", fault.Violation{Detail: "the body is not valid JSON at line 2, column 8: invalid character 'x' looking for beginning of value"}},
		"cut off":      {`{"a":1`, "malformed-request", fault.Violation{Detail: "the body is not valid JSON at line 1, column 6: unexpected end of JSON input"}},
		"more behind":  {`{}{}`, "malformed-request", fault.Violation{Detail: "the body is not valid JSON at line 1, column 3: invalid character '{' after top-level value"}},
		"NaN":          {`{"a":NaN}`, "malformed-request", fault.Violation{Detail: "the body is not valid JSON at line 1, column 6: invalid character 'N' looking for beginning of value"}},
		"not UTF-8":    {"{\"a\":\"\xff\"}", "malformed-request", fault.Violation{Detail: "the body is not valid UTF-8"}},
		"a name twice": {`{"a/b":1,"a\u002fb":2}`, "malformed-request", fault.Violation{Pointer: "/a~1b", Detail: "occurs more than once"}},
		"array":        {` [1]`, "validation-error", fault.Violation{Detail: "must be an object, not an array"}},
		"string":       {`"x"`, "validation-error", fault.Violation{Detail: "must be an object, not a string"}},
		"number":       {`-1`, "validation-error", fault.Violation{Detail: "must be an object, not a number"}},
		"boolean":      {`true`, "validation-error", fault.Violation{Detail: "must be an object, not a boolean"}},
		"null":         {`null`, "validation-error", fault.Violation{Detail: "must be an object, not null"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := rest.ParseObject([]byte(tt.body))
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Code != tt.code || f.Kind != fault.Invalid {
				t.Fatalf("err = %v, want code %s", err, tt.code)
			}
			if diff := cmp.Diff([]fault.Violation{tt.want}, f.Violations); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseObjectIgnoresOneByteOrderMark(t *testing.T) {
	if got := parse(t, "\uFEFF{\"name\": \"Ann\"}").String("name"); got != "Ann" {
		t.Errorf("String = %q", got)
	}
	if _, err := rest.ParseObject([]byte("\uFEFF\uFEFF{}")); !errors.Is(err, httpserver.ErrMalformed) {
		t.Errorf("two of them: %v, want malformed", err)
	}
}

func TestParseObjectBoundsDepth(t *testing.T) {
	deep := strings.Repeat("[", rest.MaxJSON/2) + strings.Repeat("]", rest.MaxJSON/2)
	_, err := rest.ParseObject([]byte(`{"a":` + deep + `}`))
	if !errors.Is(err, httpserver.ErrMalformed) {
		t.Errorf("err = %v, want malformed", err)
	}
}

func TestObjectIgnoresUnknownMembersAndMatchesNamesExactly(t *testing.T) {
	o := parse(t, ` { "NAME" : "other", "x": {"name": ["\"}", {"y": [{}]}]}, "n\u0061me" : "Ann" , "z":[ ] } `)
	if got := o.String("name"); got != "Ann" {
		t.Errorf("String = %q", got)
	}
	if !o.Has("z") || o.Has("y") || o.Has("Name") {
		t.Error("Has is wrong")
	}
	if err := o.Err(nil); err != nil {
		t.Error(err)
	}
}

func TestObjectString(t *testing.T) {
	const p = "/s"
	tests := map[string]struct {
		body, want, detail string
	}{
		"plain":            {`{"s":"Zoë <&>"}`, "Zoë <&>", ""},
		"escapes":          {`{"s":"\"\\\/\n\u00e9\ud83d\ude00"}`, "\"\\/\né😀", ""},
		"control":          {`{"s":"\u0000"}`, "\x00", ""},
		"missing":          {`{}`, "", "is required"},
		"null":             {`{"s":null}`, "", "must not be null"},
		"number":           {`{"s":1}`, "", "must be a string, not a number"},
		"array":            {`{"s":["x"]}`, "", "must be a string, not an array"},
		"lone high half":   {`{"s":"a\ud83d"}`, "a\uFFFD", "must not contain half of a surrogate pair"},
		"lone low half":    {`{"s":"\uDE00b"}`, "\uFFFDb", "must not contain half of a surrogate pair"},
		"two high halves":  {`{"s":"\ud83d\ud83d"}`, "\uFFFD\uFFFD", "must not contain half of a surrogate pair"},
		"escaped backlash": {`{"s":"\\ud83d"}`, `\ud83d`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := parse(t, tt.body)
			if got := o.String("s"); got != tt.want {
				t.Errorf("String = %q, want %q", got, tt.want)
			}
			checkDetail(t, o.Err(nil), p, tt.detail)
		})
	}
}

func checkDetail(t *testing.T, err error, pointer, detail string) {
	t.Helper()
	var want []fault.Violation
	if detail != "" {
		want = []fault.Violation{{Pointer: pointer, Detail: detail}}
	}
	if diff := cmp.Diff(want, violations(err)); diff != "" {
		t.Error(diff)
	}
}

func TestObjectInt(t *testing.T) {
	const (
		fraction = "must be an integer, without a fraction"
	)
	tests := []struct {
		raw    string
		want   int64
		detail string
	}{
		{"3", 3, ""},
		{"3.0", 3, ""},
		{"3e0", 3, ""},
		{"-3.00E+0", -3, ""},
		{"0", 0, ""},
		{"-0", 0, ""},
		{"0.000", 0, ""},
		{"0e999999999999999999999", 0, ""},
		{"1.5e1", 15, ""},
		{"1500e-2", 15, ""},
		{"0.00015e5", 15, ""},
		{"9007199254740991", 1<<53 - 1, ""},
		{"-9007199254740991.0", -(1<<53 - 1), ""},
		{"9.007199254740991e15", 1<<53 - 1, ""},
		{"9007199254740990.6", 0, fraction},
		{"1.5", 0, fraction},
		{"1e-1", 0, fraction},
		{"1e-999999999999999999999", 0, fraction},
		{"0." + strings.Repeat("0", 100_000) + "1", 0, fraction},
		{"9007199254740992", math.MaxInt64, ""},
		{"-9007199254740992", math.MinInt64, ""},
		{"100000000000000000000", math.MaxInt64, ""},
		{"1e400", math.MaxInt64, ""},
		{"1e999999999", math.MaxInt64, ""},
		{"1e999999999999999999999", math.MaxInt64, ""},
		{strings.Repeat("9", 100_000), math.MaxInt64, ""},
		{`"3"`, 0, "must be an integer, not a string"},
		{"true", 0, "must be an integer, not a boolean"},
		{"[3]", 0, "must be an integer, not an array"},
		{"{}", 0, "must be an integer, not an object"},
		{"null", 0, "must not be null"},
	}
	for _, tt := range tests {
		t.Run(tt.raw[:min(len(tt.raw), 30)], func(t *testing.T) {
			o := parse(t, `{"n":`+tt.raw+`}`)
			if got := o.Int("n"); got != tt.want {
				t.Errorf("Int = %d, want %d", got, tt.want)
			}
			checkDetail(t, o.Err(nil), "/n", tt.detail)
		})
	}
	o := parse(t, `{}`)
	o.Int("n")
	checkDetail(t, o.Err(nil), "/n", "is required")
}

func TestObjectOptionalInt(t *testing.T) {
	o := parse(t, `{"null":null,"n":7,"bad":"7"}`)
	if o.OptionalInt("missing") != nil || o.OptionalInt("null") != nil {
		t.Error("missing and null are not nil")
	}
	if n := o.OptionalInt("n"); n == nil || *n != 7 {
		t.Errorf("n = %v", n)
	}
	if err := o.Err(nil); err != nil {
		t.Error(err)
	}
	o.OptionalInt("bad")
	checkDetail(t, o.Err(nil), "/bad", "must be an integer, not a string")
}

func TestObjectFloats(t *testing.T) {
	o := parse(t, `{"ticks":[ -10.000000000000002, 1e-400 ,-0.1,5e-324 ],"empty":[]}`)
	if diff := cmp.Diff([]float64{-10.000000000000002, 0, -0.1, math.SmallestNonzeroFloat64}, o.Floats("ticks")); diff != "" {
		t.Error(diff)
	}
	if got := o.Floats("empty"); got == nil || len(got) != 0 {
		t.Errorf("empty = %v", got)
	}
	if err := o.Err(nil); err != nil {
		t.Error(err)
	}

	o = parse(t, `{"ticks":[1,"2",null,1e400,[4],5],"no":{}}`)
	if diff := cmp.Diff([]float64{1, 0, 0, 0, 0, 5}, o.Floats("ticks")); diff != "" {
		t.Error(diff)
	}
	o.Floats("no")
	o.Floats("missing")
	want := []fault.Violation{
		{Pointer: "/ticks/1", Detail: "must be a number, not a string"},
		{Pointer: "/ticks/2", Detail: "must be a number, not null"},
		{Pointer: "/ticks/3", Detail: "must be a finite number: it is beyond the range of a double"},
		{Pointer: "/ticks/4", Detail: "must be a number, not an array"},
		{Pointer: "/no", Detail: "must be an array of numbers, not an object"},
		{Pointer: "/missing", Detail: "is required"},
	}
	if diff := cmp.Diff(want, violations(o.Err(nil))); diff != "" {
		t.Error(diff)
	}
}

func TestObjectErrTellsAtMostAHundred(t *testing.T) {
	o := parse(t, `{"ticks":[`+strings.Repeat("true,", 10_000)+`true]}`)
	if got := len(o.Floats("ticks")); got != 10_001 {
		t.Errorf("%d elements", got)
	}
	if got := len(violations(o.Err(nil))); got != 100 {
		t.Errorf("%d violations", got)
	}
}

func TestObjectErrJoinsTheRulesOfTheDomain(t *testing.T) {
	o := parse(t, `{"ticks":[true],"name":null}`)
	o.Floats("ticks")
	_ = o.String("name")
	rules := fault.Invalidate(
		fault.Violation{Pointer: "/ticks", Detail: "must have 15"},
		fault.Violation{Pointer: "/ticks/0", Detail: "must be at most -10"},
		fault.Violation{Pointer: "/name", Detail: "must not be empty"},
		fault.Violation{Pointer: "/name/first", Detail: "must not be empty"},
		fault.Violation{Pointer: "/names", Detail: "must not be empty"},
	)
	want := []fault.Violation{
		{Pointer: "/ticks/0", Detail: "must be a number, not a boolean"},
		{Pointer: "/name", Detail: "must not be null"},
		{Pointer: "/ticks", Detail: "must have 15"},
		{Pointer: "/names", Detail: "must not be empty"},
	}
	if diff := cmp.Diff(want, violations(o.Err(rules))); diff != "" {
		t.Error(diff)
	}
	if err := o.Err(io.ErrClosedPipe); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("err = %v, want the other error as it is", err)
	}
	if err := parse(t, `{}`).Err(rules); !errors.Is(err, rules) {
		t.Errorf("err = %v, want the rules as they are", err)
	}
	if err := parse(t, `{}`).Err(nil); err != nil {
		t.Errorf("err = %v, want nil", err)
	}
}

const audio = `{"session_id": 3448, "ticks": [-96.33333333333333, -96.33333333333333, -93.47619047619048, -90.61904761904762, -87.76190476190476, -84.9047619047619, -82.04761904761905, -79.19047619047619, -76.33333333333333, -73.47619047619048, -70.61904761904762, -67.76190476190476, -64.9047619047619, -62.04761904761905, -59.19047619047619], "selected_tick": 5, "step_count": 1}`

func readAudio(body []byte) error {
	o, err := rest.ParseObject(body)
	if err != nil {
		return err
	}
	o.Int("session_id")
	o.Floats("ticks")
	o.Int("selected_tick")
	o.Int("step_count")
	o.OptionalInt("account_id")
	return o.Err(nil)
}

func BenchmarkParseObject(b *testing.B) {
	body := []byte(audio)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := readAudio(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadItems(b *testing.B) {
	body := "[" + strings.Repeat(audio+",", rest.MaxItems-1) + audio + "]"
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := rest.ReadItems(post(strings.NewReader(body), "application/json")); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParseObject(f *testing.F) {
	for _, seed := range []string{audio, `{}`, `{"s":"\ud83d"}`, `{"s":"\\","n":1e9,"ticks":[1,[2,"]"],{"a":"}"}]}`, ` { "n" : -0.0E-0 } `, `[]`, `{"n":1,"n":2}`, "\uFEFF{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := rest.ParseObject(body)
		if err != nil {
			checkInvalid(t, err)
			return
		}
		_ = o.String("s")
		n := o.Int("n")
		if n > 1<<53-1 || n < -(1<<53-1) {
			t.Errorf("Int = %d", n)
		}
		o.OptionalInt("n")
		for i, x := range o.Floats("ticks") {
			if math.IsInf(x, 0) || math.IsNaN(x) {
				t.Errorf("tick %d = %v", i, x)
			}
		}
		if err := o.Err(nil); err != nil {
			checkInvalid(t, err)
		}
	})
}

func checkInvalid(t *testing.T, err error) {
	t.Helper()
	if fault.KindOf(err) != fault.Invalid || len(violations(err)) == 0 {
		t.Errorf("err = %#v, want an invalid fault with violations", err)
	}
}

func TestReadPatch(t *testing.T) {
	const mergePatch = "application/merge-patch+json"
	o, err := rest.ReadPatch(post(strings.NewReader(`{"a":"x","b":null,"etag":1,"version":null}`), mergePatch+"; charset=utf-8"))
	if err != nil {
		t.Fatal(err)
	}
	text := func(name string) *string { return rest.Given(o, name, (*rest.Object).String) }
	if a := text("a"); a == nil || *a != "x" || text("c") != nil {
		t.Errorf("a is %v, c %v", a, text("c"))
	}
	if b := rest.Given(o, "b", (*rest.Object).OptionalInt); b == nil || *b != nil {
		t.Errorf("b is %v, want it given and null", b)
	}
	text("b")
	o.ReadOnly("etag", "version", "id")
	f, ok := errors.AsType[*fault.Error](o.Err(nil))
	if !ok {
		t.Fatal("nothing is wrong with the patch")
	}
	var pointers []string
	for _, v := range f.Violations {
		pointers = append(pointers, v.Pointer)
	}
	if diff := cmp.Diff([]string{"/b", "/etag", "/version"}, pointers); diff != "" {
		t.Errorf("pointers (-want +got):\n%s", diff)
	}
	c := post(strings.NewReader("{}"), "application/json")
	if _, err := rest.ReadPatch(c); !errors.Is(err, httpserver.ErrUnsupported) || c.Writer.Header().Get("Accept-Patch") != mergePatch {
		t.Errorf("ReadPatch = %v, headers %v", err, c.Writer.Header())
	}
}
