package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/oapi-codegen/nullable"

	api "github.com/concha-labs/backend/pkg/client"
)

// generatedClient uses the generated client as its users do.
func generatedClient(c *client) {
	ctx := c.t.Context()
	concha, err := api.NewClientWithResponses(c.url, api.WithHTTPClient(c.http))
	if err != nil {
		c.t.Fatal(err)
	}
	input := api.AccountInput{Name: "Ada", Email: uniqueEmail(), Address: "1 Way"}
	created, err := concha.CreateAccountWithResponse(ctx, nil, input)
	if err != nil || created.JSON201 == nil {
		c.t.Fatalf("create: %s, %v", created.Body, err)
	}
	account := *created.JSON201

	taken, err := concha.CreateAccountWithResponse(ctx, nil, input)
	if err != nil || taken.ApplicationProblemJSON409 == nil || taken.ApplicationProblemJSON409.Detail == "" {
		c.t.Errorf("the e-mail is taken, but the answer is %s, %v", taken.Body, err)
	}

	name := "Augusta Ada"
	patch := func(etag string) (*api.PatchAccountResponse, error) {
		return concha.PatchAccountWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, account.ID,
			&api.PatchAccountParams{IfMatch: &etag}, api.AccountPatch{Name: &name})
	}
	patched, err := patch(account.Etag)
	if err != nil || patched.JSON200 == nil || patched.JSON200.Name != name || patched.JSON200.Email != input.Email || patched.JSON200.Version != 2 {
		c.t.Errorf("patch: %s, %v", patched.Body, err)
	}
	if late, err := patch(account.Etag); err != nil || late.ApplicationProblemJSON412 == nil {
		c.t.Errorf("a patch of an old version: %s, %v", late.Body, err)
	}

	listed, err := concha.ListAccountsWithResponse(ctx, &api.ListAccountsParams{Email: &input.Email})
	if err != nil || listed.JSON200 == nil || listed.JSON200.Count != 1 || listed.JSON200.Items[0].ID != account.ID {
		c.t.Errorf("list: %s, %v", listed.Body, err)
	}
	checkHistory(c, concha, account.ID, name)
	deleted, err := concha.DeleteAccountWithResponse(ctx, account.ID, nil)
	if err != nil || deleted.StatusCode() != http.StatusNoContent {
		c.t.Errorf("delete: %s, %v", deleted.Body, err)
	}
}

// checkHistory reads the two events of an account that was made, then renamed.
func checkHistory(c *client, concha *api.ClientWithResponses, id api.AccountID, name string) {
	c.t.Helper()
	history, err := concha.ListAccountEventsWithResponse(c.t.Context(), id, nil)
	if err != nil || history.ApplicationCloudeventsBatchJSON200 == nil || len(*history.ApplicationCloudeventsBatchJSON200) != 2 {
		c.t.Fatalf("history: %s, %v", history.Body, err)
	}
	event := (*history.ApplicationCloudeventsBatchJSON200)[1]
	change, err := event.Data.AsAccountChange()
	if err != nil || event.Type != api.ConchaAccountUpdatedV1 || change.Resource["name"] != name {
		c.t.Errorf("the second event is %+v, %v", event, err)
	}
}

// generatedClientSession stores and reads a session with the generated client,
// and takes it from its account, which null in a patch does.
func generatedClientSession(c *client) {
	ctx := c.t.Context()
	concha, err := api.NewClientWithResponses(c.url, api.WithHTTPClient(c.http))
	if err != nil {
		c.t.Fatal(err)
	}
	owner, err := concha.CreateAccountWithResponse(ctx, nil, api.AccountInput{Name: "Ada", Email: uniqueEmail()})
	if err != nil || owner.JSON201 == nil {
		c.t.Fatalf("create: %s, %v", owner.Body, err)
	}
	input := api.AudioInput{SessionID: uniqueSession(), AccountID: &owner.JSON201.ID, Ticks: make(api.Ticks, 15), SelectedTick: 5, StepCount: 1}
	for i := range input.Ticks {
		input.Ticks[i] = -96.33333333333334 + float64(i)
	}
	if created, err := concha.CreateAudioWithResponse(ctx, nil, input); err != nil || created.JSON201 == nil {
		c.t.Fatalf("create: %s, %v", created.Body, err)
	}
	got, err := concha.GetAudioWithResponse(ctx, input.SessionID, nil)
	if err != nil || got.JSON200 == nil || got.JSON200.Ticks[14] != input.Ticks[14] || got.JSON200.AccountID == nil || *got.JSON200.AccountID != *input.AccountID {
		c.t.Errorf("get: %s, %v", got.Body, err)
	}
	checkMany(c, concha, *input.AccountID, input)
	patched, err := concha.PatchAudioWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, input.SessionID, nil,
		api.AudioPatch{AccountID: nullable.NewNullNullable[api.AccountID]()})
	if err != nil || patched.JSON200 == nil || patched.JSON200.AccountID != nil || patched.JSON200.StepCount != input.StepCount {
		c.t.Errorf("patch: %s, %v", patched.Body, err)
	}
}

// checkMany stores two sessions of an account that has one already, gives it an
// image, and reads all of that in each way that is not an object of JSON.
func checkMany(c *client, concha *api.ClientWithResponses, owner api.AccountID, session api.AudioInput) {
	c.t.Helper()
	ctx := c.t.Context()
	first := session.SessionID
	batch := api.CreateAudiosJSONRequestBody{session, session, session}
	batch[1].SessionID, batch[2].SessionID = uniqueSession(), uniqueSession()
	stored, err := concha.CreateAudiosWithResponse(ctx, nil, batch)
	if err != nil || stored.JSON200 == nil || len(stored.JSON200.Results) != 3 {
		c.t.Fatalf("batch: %s, %v", stored.Body, err)
	}
	for i, want := range []int{409, 201, 201} {
		if got := stored.JSON200.Results[i]; got.Status != want || (got.Resource == nil) != (want == 409) || (got.Problem == nil) == (want == 409) {
			c.t.Errorf("item %d of the batch: %+v", i, got)
		}
	}
	ids := api.IDs{first, batch[2].SessionID}
	listed, err := concha.ListAudiosWithResponse(ctx, &api.ListAudiosParams{Ids: &ids})
	if err != nil || listed.JSON200 == nil || listed.JSON200.Count != 2 {
		c.t.Errorf("list by ids: %s, %v", listed.Body, err)
	}
	exported, err := concha.ExportAudiosWithResponse(ctx, &api.ExportAudiosParams{AccountID: &owner})
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(exported.Body)) {
		var audio api.Audio
		if err := json.Unmarshal([]byte(line), &audio); err != nil || audio.AccountID == nil || *audio.AccountID != owner {
			c.t.Errorf("a line of the export: %s, %v", line, err)
		}
	}
	if n := bytes.Count(exported.Body, []byte("\n")); n != 3 {
		c.t.Errorf("the export has %d lines", n)
	}
	after := exported.Headers200.ConchaFeedCursor
	picture := pngOf(2, 2)
	put, err := concha.PutImageWithBodyWithResponse(ctx, owner, nil, "image/png", strings.NewReader(picture))
	if err != nil || put.JSON200 == nil || put.JSON200.Image == nil || put.JSON200.Image.Width != 2 {
		c.t.Fatalf("put the image: %s, %v", put.Body, err)
	}
	if image, err := concha.GetImageWithResponse(ctx, owner, nil); err != nil || string(image.Body) != picture {
		c.t.Errorf("the image has changed: %v", err)
	}
	session.SessionID = uniqueSession()
	if created, err := concha.CreateAudioWithResponse(ctx, nil, session); err != nil || created.JSON201 == nil {
		c.t.Fatalf("create: %s, %v", created.Body, err)
	}
	feed, err := concha.FollowAudiosWithResponse(ctx, &api.FollowAudiosParams{After: after, Limit: new(1), Wait: new(30)})
	if err != nil || feed.ApplicationCloudeventsBatchJSON200 == nil || len(*feed.ApplicationCloudeventsBatchJSON200) != 1 {
		c.t.Errorf("feed: %s, %v", feed.Body, err)
	}
}
