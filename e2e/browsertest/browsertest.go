// Package browsertest drives Chromium in tests.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds every wait for a page.
const patience = 30 * time.Second

// Page is a tab of a Chromium of its own. Its methods end the test on failure.
type Page struct {
	t      testing.TB
	ctx    context.Context //nolint:containedctx // chromedp knows the tab by it
	origin string

	mu        sync.Mutex
	faults    []string
	tolerated []string
}

// New starts Chromium, which has to be installed, and returns a tab for pages of
// origin. When the test ends, it fails if a page logged an error or a warning,
// threw an exception, violated its policy, or sent a request to another origin.
func New(t testing.TB, origin string) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(find(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	p := &Page{t: t, ctx: ctx, origin: origin}
	if err := chromedp.Listen(ctx, p.note); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, fault := range p.faults {
			t.Error(fault)
		}
	})
	return p
}

func find(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is not installed: on Debian, apt-get install chromium")
	return ""
}

// Tolerate accepts messages of the console that contain text.
func (p *Page) Tolerate(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tolerated = append(p.tolerated, text)
}

// note collects what a page must not do. A failed request is no fault: tests
// provoke them.
func (p *Page) note(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			fault = fmt.Sprintf("console: %s %s", e.Type, arguments(e.Args))
		}
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork {
			fault = fmt.Sprintf("log: %s %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		url := e.Request.URL
		if !strings.HasPrefix(url, p.origin+"/") && !strings.HasPrefix(url, "blob:"+p.origin) && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			fault = "request to another origin: " + url
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if fault != "" && !slices.ContainsFunc(p.tolerated, func(text string) bool { return strings.Contains(fault, text) }) {
		p.faults = append(p.faults, fault)
	}
}

func arguments(objects []*runtime.RemoteObject) string {
	var texts []string
	for _, object := range objects {
		texts = append(texts, string(object.Value)+object.Description)
	}
	return strings.Join(texts, " ")
}

// Do runs actions of chromedp within the patience of a test.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.fail(err.Error())
	}
}

// Open goes to a path of the origin.
func (p *Page) Open(path string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(p.origin + path))
}

// Eval returns the value of a JavaScript expression, or of its promise.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.fail(fmt.Sprintf("%s: %v", expression, err))
	}
	return value
}

// Until waits until a JavaScript expression is true.
func (p *Page) Until(expression string) {
	p.t.Helper()
	for end := time.Now().Add(patience); !Eval[bool](p, "Boolean("+expression+")"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.fail("it does not become true that " + expression)
		}
	}
}

// See waits until the page shows a text.
func (p *Page) See(text string) {
	p.t.Helper()
	p.Until("document.body.innerText.includes(" + quote(text) + ")")
}

// element is the expression of the first visible control that has this text or
// label, or that is the field of a label with this text.
func element(text string) string {
	return `(() => {
		const text = ` + quote(text) + `;
		const named = [...document.querySelectorAll("dialog[open] *, body *")].filter((e) =>
			e.matches("button, a, summary, input, select, [role]") && e.checkVisibility() &&
			(e.innerText?.trim() === text || e.getAttribute("aria-label") === text || (e.labels?.[0]?.querySelector("span") ?? e.labels?.[0])?.textContent.trim() === text ||
			 e.querySelector(":scope > span")?.textContent.trim() === text));
		return named.find((e) => e.closest("dialog[open]")) ?? named[0];
	})()`
}

// Click clicks a control.
func (p *Page) Click(text string) {
	p.t.Helper()
	p.Until("((e) => e && !e.disabled && (e.click() ?? true))(" + element(text) + ")")
}

// Fill types a value into a field, in place of what it has.
func (p *Page) Fill(label, value string) {
	p.t.Helper()
	p.Until(element(label))
	Eval[bool](p, `(() => { const e = `+element(label)+`; e.value = `+quote(value)+`;
		e.dispatchEvent(new Event(e.tagName === "SELECT" || e.type === "datetime-local" ? "change" : "input", {bubbles: true})); return true })()`)
}

// Press presses keys, of which github.com/chromedp/chromedp/kb has the special
// ones.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.Do(chromedp.KeyEvent(keys))
}

// Resize sets the size of the window in pixels.
func (p *Page) Resize(width, height int64) {
	p.t.Helper()
	p.Do(chromedp.EmulateViewport(width, height))
}

// Theme sets the colours that the person prefers: light or dark.
func (p *Page) Theme(name string) {
	p.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		p.fail(err.Error())
	}
}

// Screenshot saves what is seen as name.png in the folder that the variable
// SCREENSHOTS names, if it names one.
func (p *Page) Screenshot(name string) {
	p.t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(folder, 0o750)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600)
	}
	if err != nil {
		p.t.Errorf("screenshot %s: %v", name, err)
	}
}

func (p *Page) fail(message string) {
	p.t.Helper()
	p.Screenshot("failed-" + strings.ReplaceAll(p.t.Name(), "/", "-"))
	text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
	p.t.Fatalf("%s, on the page:\n%s", message, text)
}

// quote returns a text as a JavaScript literal.
func quote(text string) string {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string is always marshalled
	}
	return string(literal)
}
