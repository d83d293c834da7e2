package e2e

import (
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"strings"
	"testing"
)

// TestAllInOne runs every scenario against the system in this process.
func TestAllInOne(t *testing.T) { //nolint:tparallel // its groups run one after the other
	t.Parallel()
	url, _ := startSystem(t)
	scenarios(t, url, volume{accounts: 2003, writers: 100, changes: 10, batch: 1000})
}

// volume is how much the scenarios make that are about much.
type volume struct {
	accounts int // of one name, in the long list
	writers  int // at once
	changes  int // by each writer
	batch    int // items of a large batch
}

// scenarios runs the scenarios that hold for any running system, whether in one
// process or several. They share the system with each other and with older
// data, so each uses resources of its own.
func scenarios(t *testing.T, url string, v volume) {
	c := newClient(t, url)
	c.volume = v
	c.runAll("scenario", map[string]func(*client){
		"classic account":            classicAccount,
		"classic e-mails":            classicEmails,
		"classic account search":     classicSearch,
		"account input":              accountInput,
		"classic image":              classicImage,
		"image input":                imageInput,
		"replaced image":             replacedImage,
		"classic audio":              classicAudio,
		"classic audio search":       classicAudioSearch,
		"audio input":                audioInput,
		"audio file input":           audioFileInput,
		"audio limits":               audioLimits,
		"v1 account":                 v1Account,
		"v1 account pages":           v1AccountPages,
		"v1 image":                   v1Image,
		"image privacy":              imagePrivacy,
		"image sizes":                imageSizes,
		"v1 audio":                   v1Audio,
		"v1 audio pages":             v1AudioPages,
		"v1 audio file":              v1AudioFile,
		"v1 audio anew":              v1AudioAnew,
		"account patch":              accountPatch,
		"audio patch":                audioPatch,
		"account of a session":       accountOfASession,
		"account twice":              accountTwice,
		"session twice":              sessionTwice,
		"image twice":                imageTwice,
		"idempotency keys":           idempotencyKeys,
		"retry storm":                retryStorm,
		"account batch":              accountBatch,
		"audio batch":                audioBatch,
		"batch input":                batchInput,
		"batch twice":                batchTwice,
		"batch storm":                batchStorm,
		"export":                     export,
		"account conditions":         accountConditions,
		"read conditions":            readConditions,
		"image conditions":           imageConditions,
		"audio conditions":           audioConditions,
		"update race":                updateRace,
		"v1 lists of accounts":       v1AccountLists,
		"v1 lists of audios":         v1AudioLists,
		"account feed":               accountFeed,
		"audio feed":                 audioFeed,
		"feed parameters":            feedParameters,
		"account bootstrap":          accountBootstrap,
		"audio bootstrap":            audioBootstrap,
		"long poll":                  longPoll,
		"event stream":               eventStream,
		"list parameters":            listParameters,
		"ids":                        ids,
		"routes":                     routes,
		"HEAD":                       heads,
		"compression":                compression,
		"request ids":                requestIDs,
		"forwarding headers":         forwardingHeaders,
		"body limits":                bodyLimits,
		"health":                     health,
		"documentation":              documentation,
		"generated client":           generatedClient,
		"generated client session":   generatedClientSession,
		"problem pages":              problemPages,
		"deleted account's sessions": deletedAccountSessions,
		"one e-mail at once":         oneEmailAtOnce,
		"one session at once":        oneSessionAtOnce,
		"writers and readers":        writersAndReaders,
		"broken HTTP":                brokenHTTP,
		"broken off requests":        brokenOffRequests,
	})
	// Later, as every list is slower with thousands of rows on an emulator,
	// which has indexes but does not use them.
	c.runAll("scenario of many", map[string]func(*client){
		"long account list": longAccountList,
		"long audio list":   longAudioList,
		"large batch":       largeBatch,
	})
	t.Run("the types of all problems are pages", func(t *testing.T) {
		own := *c
		own.t = t
		c.problems.Range(func(address, _ any) bool {
			own.get(strings.TrimPrefix(address.(string), url)).expect(200)
			return true
		})
	})
	if unused := c.contract.unused(); !t.Failed() && len(unused) > 0 {
		t.Errorf("operations of the contract that no scenario uses: %q", unused)
	}
}

// runAll runs scenarios, some at once, and returns when they have ended.
func (c *client) runAll(name string, scenarios map[string]func(*client)) {
	c.t.Run(name, func(t *testing.T) {
		for name, scenario := range scenarios {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				own := *c
				own.t = t
				scenario(&own)
			})
		}
	})
}

// uniqueEmail returns an e-mail that nobody has.
func uniqueEmail() string { return rand.Text() + "@example.com" }

// uniqueSession returns a session_id that no session has.
func uniqueSession() int64 { return mathrand.Int64N(1 << 53) }

// newAccount creates an account through v1 and returns its id and its body.
func newAccount(c *client) (id string, account map[string]any) {
	c.t.Helper()
	a := c.json("POST", "/v1/accounts", profile("Jo", uniqueEmail(), "1 Way")).expect(201)
	return a.number("id"), a.object()
}

func profile(name, email, address string) string {
	return encode(map[string]any{"name": name, "email": email, "address": address})
}

// newSession returns a valid body of an audio session.
func newSession() map[string]any {
	ticks := make([]any, 15)
	for i, text := range strings.Fields("-96.33333333333334 -96.33333333333334 -93.47619047619048 -89.03999999999999 " +
		"-84.61904761904762 -80.19047619047619 -75.76190476190476 -71.33333333333333 -66.90476190476191 " +
		"-62.47619047619047 -58.047619047619044 -53.61904761904762 -49.19047619047619 -44.76190476190476 -40.333333333333336") {
		ticks[i] = json.Number(text)
	}
	return map[string]any{
		"session_id":    json.Number(encode(uniqueSession())),
		"ticks":         ticks,
		"selected_tick": json.Number("5"),
		"step_count":    json.Number("1"),
	}
}

func sessionPath(session map[string]any) string { return "/" + encode(session["session_id"]) }
