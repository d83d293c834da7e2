package cloudrun

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
	"github.com/concha-labs/backend/deploy/check/terraform"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// commands returns the shell commands of a section of a document.
func commands(t *testing.T, file, heading string) string {
	t.Helper()
	_, section, ok := strings.Cut(repo.Read(t, file), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", file, heading)
	}
	level := strings.Repeat("#", strings.Count(heading, "#"))
	section, _, _ = strings.Cut(section, "\n"+level+" ")
	var script strings.Builder
	for _, block := range shellBlock.FindAllStringSubmatch(section, -1) {
		script.WriteString(block[1])
	}
	return script.String()
}

// stub runs gcloud, notes what it is asked for in $COMMANDS, and leaves out what
// needs a browser. A command that differs from an earlier one in names alone is
// noted and not run, as each takes more than a second.
const stub = `#!/bin/bash
echo "gcloud $*" >>"$COMMANDS"
case "$*" in 'auth application-default login'|'auth configure-docker '*) exit 0;; esac
shape=$(sed -E 's/=[^ ]*//g; s/(gs:..)?[a-z-]*(account|audio|gateway|image|file)[a-z0-9-]*/NAME/g' <<<"$*")
case "$*" in 'run deploy '*|*' describe '*) shape=$*;; esac
seen=$COMMANDS.$(md5sum <<<"$shape" | cut -c1-32)
[ -e "$seen" ] || { GCLOUD "$@" >"$seen" || { rm "$seen"; exit 1; }; }
cat "$seen"
`

// shell runs a script in the environment of the fake, in a folder with keys, and
// returns the commands that gcloud was asked for. Other programs only say what
// they are asked for.
func (f *fake) shell(t *testing.T, script string) (asked string) {
	t.Helper()
	programs, dir := t.TempDir(), t.TempDir()
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"gcloud": strings.Replace(stub, "GCLOUD", gcloud, 1), "docker": "#!/bin/sh\n", "go": "#!/bin/sh\n", "git": "#!/bin/sh\n", "curl": "#!/bin/sh\n",
	} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(text), 0o700); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
	}
	for _, name := range []string{"keys.ndjson", "key.pem", "keys.pem", "audios.key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(f.environment(t), "PATH="+programs+":"+os.Getenv("PATH"), "COMMANDS="+filepath.Join(dir, "commands"), "API_KEY=key")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\nthe last calls:\n%s", err, out, strings.Join(f.calls[max(0, len(f.calls)-5):], "\n"))
	}
	text, err := os.ReadFile(filepath.Join(dir, "commands"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReplace has gcloud replace the services by those of deploy/cloudrun.
func TestReplace(t *testing.T) {
	f := newFake(t)
	for _, name := range []string{"accounts", "audios", "gateway"} {
		f.shell(t, "gcloud run services replace --project=my-project --region=europe-west1 "+filepath.Join(repo.Root(), "deploy/cloudrun", name+".yaml"))
		if f.services[name] == nil {
			t.Errorf("%s is not replaced: %v", name, f.calls)
		}
	}
}

var binding = regexp.MustCompile(`(?m)^gcloud (.*) add-iam-policy-binding (\S+) (.*)$`)

// types are the types of resources of Terraform, by gcloud's groups.
var types = map[string]string{
	"spanner databases": "google_spanner_database", "storage buckets": "google_storage_bucket", "pubsub topics": "google_pubsub_topic",
	"pubsub subscriptions": "google_pubsub_subscription", "secrets": "google_secret_manager_secret", "run services": "google_cloud_run_v2_service",
}

// TestCommands runs the commands of docs/deploy.md: gcloud takes each, they grant
// what Terraform grants, and the programs take the settings.
func TestCommands(t *testing.T) {
	f := newFake(t)
	asked := f.shell(t, commands(t, "docs/deploy.md", "## On Cloud Run"))
	flag := func(flags, name string) string {
		_, value, _ := strings.Cut(flags+" ", "--"+name+"=")
		value, _, _ = strings.Cut(value, " ")
		return value
	}
	var granted []string
	for _, b := range binding.FindAllStringSubmatch(asked, -1) {
		member := strings.TrimSuffix(strings.TrimPrefix(flag(b[3], "member"), "serviceAccount:"), "@my-project.iam.gserviceaccount.com")
		if strings.HasSuffix(member, "@gcp-sa-pubsub.iam.gserviceaccount.com") {
			member = "Pub/Sub"
		}
		granted = append(granted, types[b[1]]+"_iam_member "+strings.TrimPrefix(b[2], "gs://")+" "+flag(b[3], "role")+" "+member)
	}
	for _, role := range terraform.Roles {
		// The commands migrate as the person who runs them.
		if strings.HasSuffix(role, " concha-migrate") || strings.HasSuffix(role, " allUsers") {
			continue
		}
		if !slices.Contains(granted, role) {
			t.Errorf("not granted: %s", role)
		}
	}
	for _, role := range granted {
		if !slices.Contains(terraform.Roles, role) {
			t.Errorf("granted, and not by Terraform: %s", role)
		}
	}
	for name, program := range repo.Programs(t) {
		s := f.services[name]
		if s == nil {
			t.Errorf("%s is not deployed", name)
			continue
		}
		spec, environment := s.Spec.Template.Spec, map[string]string{}
		for _, e := range spec.Containers[0].Env {
			environment[e.Name] = e.Value
		}
		if mistakes := program.Check(spec.Containers[0].Args, environment); len(mistakes) > 0 {
			t.Errorf("%s: %s", name, strings.Join(mistakes, "\n"))
		}
		if spec.ServiceAccountName != "concha-"+name+"@my-project.iam.gserviceaccount.com" {
			t.Errorf("%s acts as %s", name, spec.ServiceAccountName)
		}
		if public := s.Metadata.Annotations["run.googleapis.com/ingress"] != "internal"; public != (name == "gateway") {
			t.Errorf("%s is reached from outside: %t", name, public)
		}
	}
}

// TestOperations runs gcloud's commands of docs/operations.md and those that add
// keys to the secrets.
func TestOperations(t *testing.T) {
	text := repo.Read(t, "docs/operations.md") + commands(t, "docs/deploy.md", "## Keys")
	lines := regexp.MustCompile("(?m)(?:^|`)(gcloud (?:spanner|pubsub|secrets|storage) [^`\n]*)").FindAllStringSubmatch(text, -1)
	if len(lines) < 7 {
		t.Fatalf("only %d commands", len(lines))
	}
	script := "gcloud config set project my-project\n"
	for _, line := range lines {
		if !strings.Contains(line[1], "storage rsync") { // it would copy objects
			script += line[1] + "\n"
		}
	}
	newFake(t).shell(t, script)
}
