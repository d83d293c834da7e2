// Package terraform checks deploy/terraform against the schema of the real
// google provider and against rules of this system.
package terraform

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	monitoring "google.golang.org/api/monitoring/v1"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

// wanted are the resources and data sources that the stand-in has.
var wanted = strings.Fields(`google_project_service google_service_account google_service_account_iam_member
	google_project_iam_member google_spanner_instance google_spanner_database google_spanner_database_iam_member
	google_spanner_backup_schedule google_storage_bucket google_storage_bucket_iam_member google_pubsub_topic
	google_pubsub_topic_iam_member google_pubsub_subscription google_pubsub_subscription_iam_member
	google_cloud_run_v2_service google_cloud_run_v2_job google_cloud_run_v2_service_iam_member google_cloud_run_domain_mapping
	google_artifact_registry_repository google_compute_network google_compute_subnetwork
	google_monitoring_alert_policy google_monitoring_notification_channel google_monitoring_dashboard
	google_secret_manager_secret google_secret_manager_secret_iam_member data.google_project`)

// standIn builds the provider and its schema, and returns the environment in
// which terraform finds them.
func standIn(dir string) (environment []string, err error) {
	bindings := filepath.Join(repo.Root(), ".tools/provider-google/package")
	here := filepath.Join(repo.Root(), "deploy/check/terraform")
	schema, err := exec.Command("node", append([]string{filepath.Join(here, "extract.mjs"), bindings}, wanted...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	var version struct{ Version string }
	if err := json.Unmarshal(schema, &version); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "schema.json")
	if err := os.WriteFile(path, schema, 0o600); err != nil {
		return nil, err
	}
	mirror := filepath.Join(dir, "mirror")
	binary := filepath.Join(mirror, "registry.terraform.io/hashicorp/google", version.Version, runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-google_v"+version.Version)
	build := exec.Command("go", "build", "-o", binary, "./terraform/provider")
	build.Dir = filepath.Dir(here)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	config := filepath.Join(dir, "terraformrc")
	text := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return append(os.Environ(), "GOOGLE_SCHEMA="+path, "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1"), nil
}

type resource struct {
	Address, Type, Name string
	Values              map[string]any
}

// run runs terraform on the module in dir.
func run(dir string, environment []string, args ...string) ([]byte, error) {
	cmd := exec.Command("terraform", args...)
	cmd.Dir, cmd.Env = dir, environment
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil {
		text := string(out)
		if errors.As(err, &exit) && len(exit.Stderr) > 0 {
			text = string(exit.Stderr)
		}
		return nil, fmt.Errorf("terraform %s: %s", args[0], text)
	}
	return out, nil
}

// plan returns what terraform would make of the module in dir, and leaves the
// plan in the file "plan" there.
func plan(dir string, environment []string) ([]resource, error) {
	for _, args := range [][]string{
		{"init", "-input=false", "-no-color"},
		{"plan", "-input=false", "-no-color", "-out=plan", "-var=project=my-project", "-var=image_version=v1.0.0", "-var=alert_email=ops@example.com"},
	} {
		if _, err := run(dir, environment, args...); err != nil {
			return nil, err
		}
	}
	out, err := run(dir, environment, "show", "-json", "plan")
	if err != nil {
		return nil, err
	}
	var shown struct {
		PlannedValues struct {
			RootModule struct{ Resources []resource } `json:"root_module"`
		} `json:"planned_values"`
	}
	err = json.Unmarshal(out, &shown)
	return shown.PlannedValues.RootModule.Resources, err
}

// at returns the value at a path of blocks, each of which stands once.
func (r resource) at(path string) any {
	var value any = r.Values
	for _, key := range strings.Split(path, ".") {
		if list, ok := value.([]any); ok && len(list) > 0 {
			value = list[0]
		}
		m, _ := value.(map[string]any)
		value = m[key]
	}
	return value
}

// required are the values that resources of a type must have.
var required = map[string]map[string]any{
	"google_spanner_instance": {"force_destroy": false},
	"google_spanner_database": {"deletion_protection": true, "enable_drop_protection": true, "version_retention_period": "7d"},
	"google_storage_bucket": {
		"uniform_bucket_level_access": true, "public_access_prevention": "enforced", "force_destroy": false,
		"soft_delete_policy.retention_duration_seconds": 0.0,
	},
	"google_secret_manager_secret":        {"deletion_protection": true},
	"google_artifact_registry_repository": {"format": "DOCKER", "docker_config.immutable_tags": true},
}

// Roles are all roles that are granted: the type of the resource, its name, the role and the member.
var Roles = []string{
	"google_spanner_database_iam_member accounts roles/spanner.databaseUser concha-accounts",
	"google_spanner_database_iam_member audios roles/spanner.databaseUser concha-audios",
	"google_spanner_database_iam_member accounts roles/spanner.databaseAdmin concha-migrate",
	"google_spanner_database_iam_member audios roles/spanner.databaseAdmin concha-migrate",
	"google_storage_bucket_iam_member my-project-images roles/storage.objectUser concha-accounts",
	"google_storage_bucket_iam_member my-project-files roles/storage.objectUser concha-audios",
	"google_pubsub_topic_iam_member account-events-v1 roles/pubsub.publisher concha-accounts",
	"google_pubsub_topic_iam_member audio-events-v1 roles/pubsub.publisher concha-audios",
	"google_pubsub_topic_iam_member accounts-self-dead-letter roles/pubsub.publisher concha-accounts",
	"google_pubsub_topic_iam_member audios-self-dead-letter roles/pubsub.publisher concha-audios",
	"google_pubsub_topic_iam_member audios-account-events-dead-letter roles/pubsub.publisher concha-audios",
	"google_pubsub_topic_iam_member accounts-self-dead-letter roles/pubsub.publisher Pub/Sub",
	"google_pubsub_topic_iam_member audios-self-dead-letter roles/pubsub.publisher Pub/Sub",
	"google_pubsub_topic_iam_member audios-account-events-dead-letter roles/pubsub.publisher Pub/Sub",
	"google_pubsub_subscription_iam_member accounts-self roles/pubsub.subscriber concha-accounts",
	"google_pubsub_subscription_iam_member audios-self roles/pubsub.subscriber concha-audios",
	"google_pubsub_subscription_iam_member audios-account-events roles/pubsub.subscriber concha-audios",
	"google_pubsub_subscription_iam_member accounts-self roles/pubsub.subscriber Pub/Sub",
	"google_pubsub_subscription_iam_member audios-self roles/pubsub.subscriber Pub/Sub",
	"google_pubsub_subscription_iam_member audios-account-events roles/pubsub.subscriber Pub/Sub",
	"google_secret_manager_secret_iam_member concha-api-keys roles/secretmanager.secretAccessor concha-gateway",
	"google_secret_manager_secret_iam_member concha-audios-key roles/secretmanager.secretAccessor concha-audios",
	"google_secret_manager_secret_iam_member concha-gateway-key roles/secretmanager.secretAccessor concha-gateway",
	"google_secret_manager_secret_iam_member concha-gateway-public-keys roles/secretmanager.secretAccessor concha-accounts",
	"google_secret_manager_secret_iam_member concha-gateway-public-keys roles/secretmanager.secretAccessor concha-audios",
	"google_cloud_run_v2_service_iam_member gateway roles/run.invoker allUsers",
	"google_cloud_run_v2_service_iam_member accounts roles/run.invoker concha-gateway",
	"google_cloud_run_v2_service_iam_member audios roles/run.invoker concha-gateway",
}

var account = regexp.MustCompile(`^serviceAccount:(concha-\w+)@my-project\.iam\.gserviceaccount\.com$`)

// filters are the filters of the subscriptions, as provision makes them.
var filters = map[string]any{
	"accounts-self":         `attributes."ce-type" = "concha.account.updated.v1" OR attributes."ce-type" = "concha.account.deleted.v1"`,
	"audios-self":           `attributes."ce-type" = "concha.audio.updated.v1" OR attributes."ce-type" = "concha.audio.deleted.v1"`,
	"audios-account-events": `attributes."ce-type" = "concha.account.created.v1" OR attributes."ce-type" = "concha.account.deleted.v1"`,
}

// check returns the mistakes in a plan.
func check(resources []resource, programs map[string]repo.Program, operations string) (mistakes []string) {
	report := func(r resource, format string, args ...any) {
		mistakes = append(mistakes, r.Address+": "+fmt.Sprintf(format, args...))
	}
	var granted []string
	count := map[string]int{}
	for _, r := range resources {
		count[r.Type]++
		for path, want := range required[r.Type] {
			if got := r.at(path); got != want {
				report(r, "%s is %v, not %v", path, got, want)
			}
		}
		switch {
		case strings.Contains(r.Type, "_iam_"):
			granted = append(granted, grant(r))
		case r.Type == "google_pubsub_subscription" && !strings.HasSuffix(fmt.Sprint(r.Values["name"]), "-dead-letter"):
			for path, want := range map[string]any{
				"enable_message_ordering": nil, "ack_deadline_seconds": 20.0, "message_retention_duration": "604800s",
				"filter":                filters[fmt.Sprint(r.Values["name"])],
				"expiration_policy.ttl": "", "retry_policy.minimum_backoff": "1s", "retry_policy.maximum_backoff": "60s",
				"dead_letter_policy.max_delivery_attempts": 100.0,
				"dead_letter_policy.dead_letter_topic":     fmt.Sprintf("projects/my-project/topics/%v-dead-letter", r.Values["name"]),
			} {
				if got := r.at(path); got != want {
					report(r, "%s is %v, not %v", path, got, want)
				}
			}
		case r.Type == "google_cloud_run_v2_service" || r.Type == "google_cloud_run_v2_job":
			for _, mistake := range checkRun(r, programs) {
				report(r, "%s", mistake)
			}
		case r.Type == "google_monitoring_dashboard":
			decoder := json.NewDecoder(strings.NewReader(fmt.Sprint(r.Values["dashboard_json"])))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(new(monitoring.Dashboard)); err != nil {
				report(r, "%v", err)
			}
		case r.Type == "google_monitoring_alert_policy":
			_, anchor, _ := strings.Cut(fmt.Sprint(r.at("documentation.content")), "docs/operations.md#")
			if anchor == "" || !slices.Contains(anchors(operations), anchor) {
				report(r, "no section %s", anchor)
			}
		}
	}
	for _, role := range granted {
		if !slices.Contains(Roles, role) {
			mistakes = append(mistakes, "granted, and not needed: "+role)
		}
	}
	for _, role := range Roles {
		if !slices.Contains(granted, role) {
			mistakes = append(mistakes, "not granted: "+role)
		}
	}
	for typ, want := range map[string]int{
		"google_spanner_database": 2, "google_spanner_backup_schedule": 2, "google_storage_bucket": 2, "google_pubsub_topic": 5,
		"google_pubsub_subscription": 6, "google_cloud_run_v2_service": 3, "google_cloud_run_v2_job": 2, "google_service_account": 4,
		"google_monitoring_alert_policy": 6, "google_monitoring_dashboard": 1, "google_cloud_run_domain_mapping": 0, "google_artifact_registry_repository": 1, "google_monitoring_notification_channel": 1,
		"google_secret_manager_secret": 4,
	} {
		if count[typ] != want {
			mistakes = append(mistakes, fmt.Sprintf("%d of %s, not %d", count[typ], typ, want))
		}
	}
	slices.Sort(mistakes)
	return mistakes
}

// grant is a line in the form of Roles.
func grant(r resource) string {
	on := "?"
	for _, key := range []string{"database", "bucket", "topic", "subscription", "secret_id", "name"} {
		if name, ok := r.Values[key].(string); ok {
			on = name
			break
		}
	}
	member := fmt.Sprint(r.Values["member"])
	if m := account.FindStringSubmatch(member); m != nil {
		member = m[1]
	} else if strings.HasSuffix(member, "@gcp-sa-pubsub.iam.gserviceaccount.com") {
		member = "Pub/Sub"
	}
	return fmt.Sprintf("%s %s %v %s", r.Type, on, r.Values["role"], member)
}

// checkRun holds a service or a Job to its program. A value that is known after
// apply, as the address of another service, stands for a valid one.
func checkRun(r resource, programs map[string]repo.Program) (mistakes []string) {
	report := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	name, job := strings.CutSuffix(fmt.Sprint(r.Values["name"]), "-migrate")
	template := "template."
	identity := "concha-" + name
	if job {
		template, identity = "template.template.", "concha-migrate"
	}
	if got := fmt.Sprint(r.at(template + "service_account")); !strings.HasPrefix(got, identity+"@") {
		report("it acts as %s, not as %s", got, identity)
	}
	if got, want := r.at(template+"containers.image"), "europe-west1-docker.pkg.dev/my-project/concha/"+name+":v1.0.0"; got != want {
		report("it runs %v, not %s", got, want)
	}
	environment := map[string]string{}
	variables, _ := r.at(template + "containers.env").([]any)
	for _, v := range variables {
		e, _ := v.(map[string]any)
		value, known := e["value"].(string)
		if !known {
			value = "https://example.a.run.app"
		}
		environment[fmt.Sprint(e["name"])] = value
	}
	var args []string
	given, _ := r.at(template + "containers.args").([]any)
	for _, a := range given {
		args = append(args, fmt.Sprint(a))
	}
	if job != (len(args) > 0) {
		report("its arguments are %v", args)
	}
	mistakes = append(mistakes, programs[name].Check(args, environment)...)
	if job {
		return mistakes
	}
	files := map[string]bool{}
	volumes, _ := r.at(template + "volumes").([]any)
	for _, v := range volumes {
		volume := resource{Values: v.(map[string]any)}
		if fmt.Sprint(volume.at("secret.secret")) == fmt.Sprintf("concha-%v", volume.at("name")) {
			files[fmt.Sprintf("/secrets/%v/%v", volume.at("name"), volume.at("secret.items.path"))] = true
		}
	}
	for setting, value := range environment {
		if strings.HasSuffix(setting, "_FILE") && !files[value] {
			report("%s is %s, in no secret that is mounted", setting, value)
		}
	}
	if (name == "gateway") != (environment["CONCHA_UPSTREAM_AUTH"] == "google-id-token") {
		report("the gateway sends no identity to the services")
	}
	ingress, minimum := "INGRESS_TRAFFIC_INTERNAL_ONLY", 1.0
	if name == "gateway" {
		ingress = "INGRESS_TRAFFIC_ALL"
		if r.at("template.vpc_access.egress") != "ALL_TRAFFIC" {
			report("it does not reach services that are internal")
		}
	} else if r.at("template.containers.resources.cpu_idle") != false {
		report("its processor stops between requests, and with it the relay of events")
	}
	for path, want := range map[string]any{
		"ingress": ingress, "deletion_protection": true,
		"template.scaling.min_instance_count": minimum, "template.scaling.max_instance_count": 16.0,
		"template.containers.startup_probe.http_get.path": "/readyz", "template.containers.liveness_probe.http_get.path": "/livez",
		"template.containers.ports.container_port": 8080.0,
	} {
		if got := r.at(path); got != want {
			report("%s is %v, not %v", path, got, want)
		}
	}
	return mistakes
}

func anchors(document string) (all []string) {
	for _, h := range regexp.MustCompile(`(?m)^##+ (.*)$`).FindAllStringSubmatch(document, -1) {
		all = append(all, strings.ReplaceAll(strings.ToLower(h[1]), " ", "-"))
	}
	return all
}
