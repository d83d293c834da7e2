package terraform

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/concha-labs/backend/deploy/check/internal/system"
)

// TestApplied applies the module to the emulators. Afterwards "provision" finds
// everything and makes nothing, and the system runs on what Terraform made.
func TestApplied(t *testing.T) {
	for _, name := range []string{"PUBSUB_EMULATOR_HOST", "SPANNER_EMULATOR_REST", "STORAGE_EMULATOR_HOST"} {
		system.Emulator(t, name)
	}
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	dir := copied(t, "", "", "")
	if _, err := plan(dir, env); err != nil {
		t.Fatal(err)
	}
	if _, err := run(dir, env, "apply", "-input=false", "-no-color", "plan"); err != nil {
		t.Fatal(err)
	}

	resources := system.Resources{
		Project: "my-project", Instance: "concha", Buckets: map[string]string{"accounts": "my-project-images", "audios": "my-project-files"},
	}
	for service, want := range map[string][]string{
		"accounts": {"databases/accounts", "buckets/my-project-images", "topics/account-events-v1", "subscriptions/accounts-self"},
		"audios": {
			"databases/audios", "buckets/my-project-files", "topics/audio-events-v1", "subscriptions/audios-self",
			"topics/account-events-v1", "subscriptions/audios-account-events",
		},
	} {
		out := resources.Provision(t, service)
		if strings.Contains(out, "made ") {
			t.Errorf("Terraform has not made all that %s needs:\n%s", service, out)
		}
		for _, name := range want {
			if !regexp.MustCompile(`(?m)^found \S*` + name + `$`).MatchString(out) {
				t.Errorf("%s provision has not found %s:\n%s", service, name, out)
			}
		}
	}
	works(t, resources.Start(t))
}

// works has the services use their databases, and the topics and subscriptions
// between them: the session of an account goes with it.
func works(t *testing.T, s *system.System) {
	t.Helper()
	status, account := s.Do(t, http.MethodPost, "/v1/accounts", `{"name":"Ann","email":"ann@example.com","address":""}`)
	id := regexp.MustCompile(`"id":(\d+)`).FindStringSubmatch(account)
	if status != http.StatusCreated || id == nil {
		t.Fatalf("POST /v1/accounts: %d %s", status, account)
	}
	session := fmt.Sprintf(`{"session_id":7,"account_id":%s,"ticks":[-96.3,-96.3,-93,-90,-87,-84,-81,-78,-75,-72,-69,-66,-63,-60,-57],"selected_tick":5,"step_count":1}`, id[1])
	if status, body := s.Do(t, http.MethodPost, "/v1/audios", session); status != http.StatusCreated {
		t.Fatalf("POST /v1/audios: %d %s", status, body)
	}
	if status, body := s.Do(t, http.MethodDelete, "/v1/accounts/"+id[1], ""); status != http.StatusNoContent {
		t.Fatalf("DELETE /v1/accounts/%s: %d %s", id[1], status, body)
	}
	system.Eventually(t, "the session of the account is deleted", func() error {
		if status, body := s.Do(t, http.MethodGet, "/v1/audios/7", ""); status != http.StatusNotFound {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
}
