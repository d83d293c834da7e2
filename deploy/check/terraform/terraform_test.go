package terraform

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

var module = filepath.Join(repo.Root(), "deploy/terraform")

var environment = sync.OnceValues(func() ([]string, error) {
	dir, err := os.MkdirTemp("", "standin")
	if err != nil {
		return nil, err
	}
	return standIn(dir)
})

// findings are the mistakes in the module with one file changed.
func findings(t *testing.T, file, old, replacement string) string {
	t.Helper()
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	dir := copied(t, file, old, replacement)
	resources, err := plan(dir, env)
	if err != nil {
		return err.Error()
	}
	return strings.Join(check(resources, repo.Programs(t), repo.Read(t, "docs/operations.md")), "\n")
}

// copied copies the module with one file changed.
func copied(t *testing.T, file, old, replacement string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files, err := filepath.Glob(filepath.Join(module, "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text := repo.Read(t, "deploy/terraform/"+filepath.Base(path))
		if filepath.Base(path) == file {
			if !strings.Contains(text, old) {
				t.Fatalf("%s has no %q", file, old)
			}
			text = strings.Replace(text, old, replacement, 1)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestModule(t *testing.T) {
	if found := findings(t, "", "", ""); found != "" {
		t.Error(found)
	}
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "terraform", "fmt", "-check", "-diff", module)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("terraform fmt: %s", out)
	}
	// What must never be destroyed says so to Terraform as well.
	if n := strings.Count(repo.Read(t, "deploy/terraform/data.tf"), "prevent_destroy = true"); n != 3 {
		t.Errorf("%d resources have prevent_destroy, not the instance, its databases and the buckets", n)
	}
}

// TestItsOwnTests runs "terraform test", which mocks the provider.
func TestItsOwnTests(t *testing.T) {
	t.Parallel()
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	dir := copied(t, "", "", "")
	if err := os.CopyFS(filepath.Join(dir, "tests"), os.DirFS(filepath.Join(module, "tests"))); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-input=false", "-no-color"}, {"test", "-no-color"}} {
		if _, err := run(dir, env, args...); err != nil {
			t.Error(err)
		}
	}
}

// TestMistakes makes one mistake at a time: each must be found.
func TestMistakes(t *testing.T) {
	for name, m := range map[string]struct{ file, old, new, want string }{
		"private key for a service":       {"secrets.tf", "readers = [\"gateway\"] }\n    gateway-public", "readers = [\"gateway\", \"audios\"] }\n    gateway-public", "concha-gateway-key roles/secretmanager"},
		"keys elsewhere":                  {"run.tf", "/secrets/api-keys/keys.ndjson", "/secrets/keys.ndjson", "CONCHA_API_KEYS_FILE"},
		"no identity":                     {"run.tf", "          CONCHA_UPSTREAM_AUTH    = \"google-id-token\"\n", "", "identity"},
		"misspelt argument":               {"data.tf", "processing_units =", "processing_unit =", "processing_unit"},
		"misspelt block":                  {"data.tf", "dead_letter_policy {", "dead_letters {", "dead_letters"},
		"misspelt resource":               {"data.tf", `resource "google_pubsub_topic" "dead_letter"`, `resource "google_pubsub_topics" "dead_letter"`, "google_pubsub_topics"},
		"missing argument":                {"data.tf", "  config           = \"regional-${var.region}\"\n", "", "config"},
		"wrong type":                      {"data.tf", "ack_deadline_seconds       = 20", "ack_deadline_seconds = \"a minute\"", "number"},
		"undeclared variable":             {"run.tf", "var.image_version}", "var.version}", "var.version"},
		"no deletion protection":          {"data.tf", "  deletion_protection      = true", "  deletion_protection = false", "deletion_protection"},
		"no drop protection":              {"data.tf", "enable_drop_protection   = true", "enable_drop_protection = false", "enable_drop_protection"},
		"service without protection":      {"run.tf", "  deletion_protection = true\n  depends_on", "  deletion_protection = false\n  depends_on", "deletion_protection"},
		"no backup":                       {"data.tf", "resource \"google_spanner_backup_schedule\" \"daily\" {\n  for_each           = local.services", "resource \"google_spanner_backup_schedule\" \"daily\" {\n  for_each           = {}", "google_spanner_backup_schedule"},
		"bucket with a life of its own":   {"data.tf", "force_destroy               = false", "force_destroy = true", "force_destroy"},
		"public bucket":                   {"data.tf", `"enforced"`, `"inherited"`, "public_access_prevention"},
		"access by object":                {"data.tf", "uniform_bucket_level_access = true", "uniform_bucket_level_access = false", "uniform_bucket_level_access"},
		"erased objects are kept":         {"data.tf", "retention_duration_seconds = 0", "retention_duration_seconds = 604800", "retention_duration_seconds"},
		"bucket for everybody":            {"iam.tf", "  role     = \"roles/storage.objectUser\"\n  member   = google_service_account.service[each.key].member", "  role     = \"roles/storage.objectViewer\"\n  member   = \"allUsers\"", "allUsers"},
		"role too broad":                  {"iam.tf", "roles/storage.objectUser", "roles/storage.admin", "roles/storage.admin"},
		"database role too broad":         {"iam.tf", "roles/spanner.databaseUser", "roles/spanner.admin", "roles/spanner.admin"},
		"role on the project":             {"iam.tf", "data \"google_project\" \"this\" {", "resource \"google_project_iam_member\" \"x\" {\n  project = var.project\n  role = \"roles/editor\"\n  member = google_service_account.service[\"accounts\"].member\n}\n\ndata \"google_project\" \"this\" {", "roles/editor"},
		"role for another service":        {"iam.tf", "google_service_account.service[each.value.service].member", "google_service_account.service[\"gateway\"].member", "concha-gateway"},
		"services for everybody":          {"run.tf", "google_service_account.service[\"gateway\"].member", "\"allUsers\"", "allUsers"},
		"services on the internet":        {"run.tf", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_ALL", "ingress"},
		"gateway cut off":                 {"run.tf", "INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "ingress"},
		"gateway past the network":        {"run.tf", "ALL_TRAFFIC\"\n      network", "PRIVATE_RANGES_ONLY\"\n      network", "internal"},
		"relay without a processor":       {"run.tf", "cpu_idle          = false", "cpu_idle = true", "relay"},
		"no instance":                     {"run.tf", "min_instance_count = 1", "min_instance_count = 0", "min_instance_count"},
		"no start-up probe":               {"run.tf", "path = \"/readyz\"", "path = \"/ready\"", "startup_probe"},
		"liveness by readiness":           {"run.tf", "path = \"/livez\"", "path = \"/readyz\"", "liveness_probe"},
		"wrong setting":                   {"run.tf", "CONCHA_BUCKET  ", "CONCHA_BUCKETS ", "CONCHA_BUCKETS"},
		"wrong setting of the gateway":    {"run.tf", "CONCHA_${upper(service)}_URL", "CONCHA_${upper(service)}_ADDRESS", "_ADDRESS"},
		"unknown command":                 {"run.tf", `["migrate"]`, `["migration"]`, "migration"},
		"image of another program":        {"run.tf", "/${each.key}:$", "/gateway:$", "it runs"},
		"messages in order":               {"data.tf", "ack_deadline_seconds       = 20", "ack_deadline_seconds = 20\n  enable_message_ordering = true", "enable_message_ordering"},
		"messages of another type":        {"data.tf", `types = ["audio.updated", "audio.deleted"]`, `types = ["audio.updated"]`, "filter"},
		"dead letters at once":            {"data.tf", "max_delivery_attempts = 100", "max_delivery_attempts = 5", "max_delivery_attempts"},
		"subscription that expires":       {"data.tf", "  message_retention_duration = \"604800s\"\n  expiration_policy {\n    ttl = \"\"", "  message_retention_duration = \"604800s\"\n  expiration_policy {\n    ttl = \"86400s\"", "expiration_policy"},
		"dead letters of another":         {"data.tf", "dead_letter_topic     = google_pubsub_topic.dead_letter[each.key].id", "dead_letter_topic = google_pubsub_topic.dead_letter[\"accounts-self\"].id", "dead_letter_topic"},
		"alert without a section":         {"alerts.tf", "    latency = {", "    slowness = {", "no section slowness"},
		"misspelt field of the dashboard": {"alerts.tf", "perSeriesAligner ", "perSeriesAlign ", "perSeriesAlign"},
		"tags that move":                  {"data.tf", "immutable_tags = true", "immutable_tags = false", "immutable_tags"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if found := findings(t, m.file, m.old, m.new); !strings.Contains(found, m.want) {
				t.Errorf("found:\n%s\nwant: %s", found, m.want)
			}
		})
	}
}
