//go:build browser

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/concha-labs/backend/e2e/browsertest"
)

// sendJSON sends a JSON request beside the browser, with these header lines, and
// returns the answer.
func sendJSON(t *testing.T, method, url, body string, header ...string) (answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", map[bool]string{false: "application/json", true: "application/merge-patch+json"}[method == http.MethodPatch])
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, url, resp.StatusCode, text, err)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatal(err)
		}
	}
	return answer
}

func register(t *testing.T, url, name string, header ...string) (id string) {
	t.Helper()
	account := sendJSON(t, http.MethodPost, url+"/v1/accounts", fmt.Sprintf(`{"name":%q,"email":%q,"address":"1 Main Street"}`, name, uniqueEmail()), header...)
	return strconv.FormatInt(int64(account["id"].(float64)), 10)
}

func sessionDocument(id int, account string, step int) string {
	return fmt.Sprintf(`{"session_id":%d,"account_id":%s,"ticks":[-96.33,-96.33,-93.47,-89.04,-84.61,-80.18,-75.75,-71.32,-66.89,-62.46,-58.03,-53.6,-49.17,-44.74,-40.31],"selected_tick":5,"step_count":%d,"note":"kept"}`, id, account, step)
}

func writeFile(t *testing.T, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConsoleAccounts(t *testing.T) {
	url, _ := startSystem(t)
	p := browsertest.New(t, url)
	p.Open("/console/accounts")
	p.See("There are no accounts yet")

	p.Click("New account")
	p.Fill("Name", "Zoë \u202b")
	p.Fill("E-mail", "nobody")
	p.Click("Create")
	p.Until(`document.querySelectorAll('input[aria-invalid="true"]').length === 1`)
	p.Until(`document.activeElement.name === "email"`)
	p.Fill("Name", "Zoë")
	p.Fill("E-mail", "zoe@Example.org")
	p.Fill("Address", "1 Rue des Lilas")
	p.Click("Create")
	p.See("zoe@example.org")
	id := browsertest.Eval[string](p, `location.pathname.split("/").at(-1)`)

	// A save that comes too late shows both versions, and saves the chosen.
	p.Click("Edit")
	p.Fill("Name", "Zoë Martin")
	sendJSON(t, http.MethodPatch, url+"/v1/accounts/"+id, `{"address":"9 Calle de Alcalá"}`)
	p.See("This was changed meanwhile: it is at version 2.")
	p.Click("Save")
	p.See("This account was changed meanwhile")
	p.Screenshot("conflict")
	p.Click("Save the chosen")
	p.See("Account saved")
	if got := sendJSON(t, http.MethodGet, url+"/v1/accounts/"+id, ""); got["name"] != "Zoë Martin" || got["address"] != "9 Calle de Alcalá" || got["version"] != 3.0 {
		t.Errorf("saved as %v", got)
	}

	p.Do(chromedp.SetUploadFiles(`input[type="file"]`, []string{writeFile(t, "a.png", pngOf(300, 200))}))
	p.See("Image saved")
	p.Until(`document.querySelector(".picture img")?.naturalWidth > 0`)
	p.Do(chromedp.SetUploadFiles(`input[type="file"]`, []string{writeFile(t, "b.png", "no picture")}))
	p.Until(`document.querySelector(".problem code")`)

	p.Click("History")
	p.See("Version 4")
	p.See("image.width")

	p.Click("Delete")
	p.See("There is no undo.")
	p.Click("Keep it")
	p.Until(`!document.querySelector("dialog[open]")`)
	p.Click("Delete")
	p.Until(`document.querySelector("dialog[open]")`)
	p.Click("Delete")
	p.See("There are no accounts yet")

	// What is deleted has a history, which is erased.
	p.Open("/console/accounts/" + id)
	p.See("Erased: the resource was deleted later.")
	p.See("Version 5")
	p.Screenshot("erased")
}

func TestConsoleFindsAndPages(t *testing.T) {
	url, _ := startSystem(t)
	for i := range 45 {
		register(t, url, fmt.Sprintf("Person %02d", i))
	}
	p := browsertest.New(t, url)
	p.Open("/console/accounts?page_size=20")
	p.See("45 accounts")
	first := browsertest.Eval[string](p, `document.querySelector(".row-link").innerText`)
	// A second click, on a page whose rows are not there yet, does nothing.
	browsertest.Eval[any](p, `new Promise((clicked) => {
		const next = () => [...document.querySelectorAll(".pager button")].at(-1).click();
		new MutationObserver((_, observer) => {
			if (document.body.innerText.includes("Page 2")) {
				observer.disconnect();
				next();
				clicked(null);
			}
		}).observe(document.body, {subtree: true, childList: true, characterData: true});
		next();
	})`)
	p.Until(`document.querySelector('.table[aria-busy="false"]')`)
	p.See("Page 2")
	p.Click("Next")
	p.See("Page 3")
	p.Until(`document.querySelectorAll("tbody tr").length === 5`)
	p.Click("Previous")
	p.See("Page 2")
	p.Until(`history.length > 3`)
	browsertest.Eval[any](p, `history.back()`) // the address holds the place
	p.See("Page 3")
	p.Click("First")
	p.See("Page 1")
	p.Until(`document.querySelector(".row-link").innerText === "` + first + `"`)

	// New rows are counted, changed ones shown.
	id := browsertest.Eval[string](p, `document.querySelector(".row-link").pathname.split("/").at(-1)`)
	sendJSON(t, http.MethodPatch, url+"/v1/accounts/"+id, `{"name":"Renamed"}`)
	p.See("Renamed")
	register(t, url, "Forty-six")
	p.Click("1 new account: show")
	p.See("46 accounts")

	p.Fill("Value", "Person 07")
	p.Click("Filter")
	p.See("1 account")
	p.Until(`location.search.includes("name=Person+07")`)
	p.Click("Remove the filter Name is Person 07")
	p.See("46 accounts")

	browsertest.Eval[any](p, `(window.saved = [], URL.createObjectURL = (blob) => (saved.push(blob), "#"), HTMLAnchorElement.prototype.click = () => {}, null)`)
	p.Click("Export")
	p.See("Export saved")
	if rows := browsertest.Eval[int](p, `saved[0].text().then((text) => text.trim().split("\n").length)`); rows != 46 {
		t.Errorf("exported %d rows", rows)
	}

	p.Open("/console/accounts?name=nobody&page_token=wrong")
	p.Until(`document.querySelector(".problem")?.innerText.includes("Request")`)
}

func TestConsoleSessions(t *testing.T) {
	url, _ := startSystem(t)
	account := register(t, url, "Ann")
	p := browsertest.New(t, url)
	p.Open("/console/sessions")
	p.See("There are no sessions yet")
	document := sessionDocument(7, account, 1)
	p.Do(chromedp.SetUploadFiles(`input[type="file"]`, []string{writeFile(t, "seven.json", document), writeFile(t, "broken.json", "{")}))
	p.See("stored")
	p.Until(`document.querySelectorAll(".transfers .problem").length === 1`)
	p.Until(`document.querySelectorAll(".tick-line").length === 1`) // the list was read again
	for step := range 3 {
		sendJSON(t, http.MethodPost, url+"/v1/audios", sessionDocument(10+step, account, step+2))
	}
	p.Click("3 new sessions: show")
	p.Until(`document.querySelectorAll(".tick-line").length === 4`)

	p.Open("/console/sessions/7")
	p.See("Tick 5: −80.2 dB, picked")
	browsertest.Eval[any](p, `document.querySelector('[role="slider"]').focus()`)
	p.Press(kb.ArrowRight)
	p.See("Tick 6: −75.8 dB")
	p.Until(`document.querySelector('[role="slider"]').getAttribute("aria-valuetext") === "Tick 6: −75.8 dB"`)
	p.Click("Document")
	p.See(document)

	p.Open("/console/sessions?account_id=" + account + "&view=overlay")
	p.Until(`document.querySelectorAll(".plot polyline").length === 4`)
	p.Click("Step 1")
	p.Until(`document.querySelectorAll(".plot polyline").length === 3`)
	p.Fill("Filter by", "step_count")
	p.Fill("Relation", "_min")
	p.Fill("Value", "3")
	p.Click("Filter")
	p.See("2 sessions")

	p.Open("/console/accounts/" + account + "?tab=sessions")
	p.Until(`document.querySelectorAll(".tick-line").length === 4`)
	p.Open("/console/sessions/7")
	p.Click("Delete")
	p.Until(`document.querySelector("dialog[open]")`)
	p.Click("Delete")
	p.See("Session deleted")
}

func TestConsoleStreamGoesOnAfterARestart(t *testing.T) {
	dir, port := t.TempDir(), "PORT="+freePort(t)
	server := startProgram(t, dir, port)
	url := server.url
	p := browsertest.New(t, url)
	register(t, url, "First")
	p.Open("/console/events")
	p.Until(`document.querySelectorAll(".event").length === 1 && document.querySelector(".live:not(.off)")`)
	server.stop(t)
	p.Until(`document.querySelector(".live.off")`)
	p.See("The server does not answer")
	p.Screenshot("stopped")

	startProgram(t, dir, port)
	for i := range 5 {
		register(t, url, fmt.Sprintf("After %d", i))
	}
	p.Until(`document.querySelector(".live:not(.off)")`)
	p.Until(`document.querySelectorAll(".event").length === 6`)
	p.Until(`!document.querySelector(".offline")`)

	p.Click("Pause")
	id := register(t, url, "While paused")
	p.See("1 event came since")
	if n := browsertest.Eval[int](p, `document.querySelectorAll(".event").length`); n != 6 {
		t.Errorf("%d events are shown while paused", n)
	}
	p.Click("Resume")
	p.Until(`document.querySelectorAll(".event").length === 7`)
	browsertest.Eval[any](p, `document.querySelector(".event summary").click()`)
	p.See(`"name": "While paused"`)
	p.Fill("Subject", "account/"+id)
	p.Click("Filter")
	p.Until(`document.querySelectorAll(".event").length === 1`)
	p.Fill("Type", "deleted")
	p.See("No events")
	sendJSON(t, http.MethodDelete, url+"/v1/accounts/"+id, "")
	p.Until(`document.querySelectorAll(".event .deleted").length === 1`)
}

// TestConsoleByKeyboard makes an account without a pointer.
func TestConsoleByKeyboard(t *testing.T) {
	url, _ := startSystem(t)
	p := browsertest.New(t, url)
	p.Open("/console")
	p.See("Nothing has happened")
	focus := func(text string) { // by Tab alone
		t.Helper()
		for range 60 {
			p.Press(kb.Tab)
			if browsertest.Eval[bool](p, `[document.activeElement.innerText?.trim(), document.activeElement.name].includes("`+text+`")`) {
				p.Until(`getComputedStyle(document.activeElement).outlineStyle !== "none"`) // the focus is seen
				return
			}
		}
		t.Fatalf("Tab does not reach %s", text)
	}
	focus("To the content")
	focus("Accounts")
	p.Press(kb.Enter)
	p.See("There are no accounts yet")
	focus("New account")
	p.Press(kb.Enter)
	focus("name")
	p.Press("Keyboard")
	p.Press(kb.Tab + "key@example.org" + kb.Tab + "1 Key Street" + kb.Enter)
	p.See("Account created")
	focus("Delete")
	p.Press(kb.Enter)
	p.Until(`document.activeElement.innerText === "Keep it"`)
	p.Press(kb.Escape)
	p.Until(`document.activeElement.innerText === "Delete"`)
}

// TestConsoleTitleHasTheFocus checks that the title of a new page has the focus
// as soon as it is there. Later, somebody may have moved the focus already.
func TestConsoleTitleHasTheFocus(t *testing.T) {
	url, _ := startSystem(t)
	p := browsertest.New(t, url)
	p.Open("/console")
	p.See("Nothing has happened")
	browsertest.Eval[any](p, `new MutationObserver(() => {
		const title = document.querySelector("h1");
		if (title?.innerText === "Accounts") window.hadFocus ??= document.activeElement === title;
	}).observe(document.body, { childList: true, subtree: true })`)
	p.Click("Accounts")
	p.Until(`window.hadFocus !== undefined`)
	if !browsertest.Eval[bool](p, `window.hadFocus`) {
		t.Error("the title gets the focus after the page is shown")
	}
}

// TestConsolePlotFits checks that no frame of a page shows a plot that is wider
// than the window.
func TestConsolePlotFits(t *testing.T) {
	url, _ := startSystem(t)
	sendJSON(t, http.MethodPost, url+"/v1/audios", sessionDocument(7, register(t, url, "Ann"), 1))
	p := browsertest.New(t, url)
	p.Resize(360, 740)
	p.Open("/console/sessions")
	browsertest.Eval[any](p, `(() => {
		window.widest = 0;
		const look = () => {
			widest = Math.max(widest, document.documentElement.scrollWidth);
			requestAnimationFrame(look);
		};
		look();
	})()`)
	p.Click("7")
	p.Until(`document.querySelector(".plot svg")`)
	browsertest.Eval[any](p, `new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(() => painted(null))))`)
	if widest := browsertest.Eval[int](p, `widest`); widest > 360 {
		t.Errorf("the page was %d pixels wide", widest)
	}
}

func TestConsoleLooks(t *testing.T) {
	url, _ := startSystem(t)
	axe, err := os.ReadFile("../services/gateway/internal/console/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err) // "make test-browser" installs it
	}
	p := browsertest.New(t, url)
	account, session := "", ""
	looks := func(state string, pages map[string]string) {
		for name, path := range pages {
			for _, theme := range []string{"light", "dark"} {
				for _, width := range []int64{360, 1024, 2560} {
					p.Theme(theme)
					p.Resize(width, map[bool]int64{true: 740, false: width * 10 / 16}[width < 500])
					p.Open(path)
					p.Until(`document.querySelector("h1") && !document.querySelector(".skeleton, .counting")`)
					label := fmt.Sprintf("%s-%s-%s-%d", name, state, theme, width)
					p.Screenshot(label)
					if over := browsertest.Eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
						t.Errorf("%s: wider than the window by %d pixels", label, over)
					}
					if width == 1024 && state == "empty" {
						continue // the same elements as at 2560
					}
					browsertest.Eval[any](p, string(axe)+"; null")
					const rules = `{runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`
					for _, violation := range browsertest.Eval[[]string](p, `axe.run(document, `+rules+`).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html + " " + n.failureSummary)))`) {
						t.Errorf("%s: %s", label, violation)
					}
				}
			}
		}
	}
	pages := map[string]string{
		"overview": "/console", "accounts": "/console/accounts", "new": "/console/accounts/new", "sessions": "/console/sessions",
		"events": "/console/events", "nowhere": "/console/nowhere", "missing": "/console/accounts/1",
	}
	looks("empty", pages)

	for _, name := range []string{"Ann", "", "فاطمة الزهراء", "שרה כהן", "👩‍🚀 Olu", strings.Repeat("Wolfeschlegelstein", 50), "a\u00a0" + strings.Repeat("b ", 400)} {
		account = register(t, url, name)
	}
	for i := range 12 {
		session = "70" + strconv.Itoa(i)
		id, _ := strconv.Atoi(session)
		sendJSON(t, http.MethodPost, url+"/v1/audios", sessionDocument(id, account, i%10))
	}
	sendJSON(t, http.MethodPatch, url+"/v1/accounts/"+account, `{"address":"2 Main Street"}`)
	looks("full", map[string]string{
		"overview": "/console", "accounts": "/console/accounts", "sessions": "/console/sessions", "events": "/console/events",
		"overlay": "/console/sessions?view=overlay&account_id=" + account, "account": "/console/accounts/" + account,
		"edit": "/console/accounts/" + account + "?edit=1", "history": "/console/accounts/" + account + "?tab=history",
		"json": "/console/accounts/" + account + "?tab=json", "session": "/console/sessions/" + session, "document": "/console/sessions/" + session + "?tab=document",
	})
}
