// Package cloudrun checks the services in deploy/cloudrun.
package cloudrun

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/run/v1"
	"sigs.k8s.io/yaml"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

// check decodes a service strictly and returns its mistakes.
func check(name, text string, program repo.Program) (mistakes []string) {
	report := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	var s run.Service
	if err := yaml.UnmarshalStrict([]byte(text), &s); err != nil {
		return []string{err.Error()}
	}
	template := s.Spec.Template
	if s.Metadata.Name != name || template.Spec.ServiceAccountName != "concha-"+name+"@my-project.iam.gserviceaccount.com" {
		report("%s acts as %s", s.Metadata.Name, template.Spec.ServiceAccountName)
	}
	annotations := map[string]string{"run.googleapis.com/minScale": "1", "run.googleapis.com/maxScale": "16"}
	revision := map[string]string{"run.googleapis.com/startup-cpu-boost": "true"}
	if name == "gateway" {
		annotations["run.googleapis.com/ingress"] = "all"
		revision["run.googleapis.com/cpu-throttling"] = "true"
		revision["run.googleapis.com/vpc-access-egress"] = "all-traffic"
		revision["run.googleapis.com/network-interfaces"] = `[{"network":"concha","subnetwork":"concha"}]`
	} else {
		annotations["run.googleapis.com/ingress"] = "internal"
		revision["run.googleapis.com/cpu-throttling"] = "false"
	}
	for _, m := range []struct{ got, want map[string]string }{{s.Metadata.Annotations, annotations}, {template.Metadata.Annotations, revision}} {
		for key, want := range m.want {
			if m.got[key] != want {
				report("%s is %q, not %q", key, m.got[key], want)
			}
		}
		for key := range m.got {
			if _, ok := m.want[key]; !ok {
				report("unknown annotation %s", key)
			}
		}
	}
	if len(template.Spec.Containers) != 1 {
		return append(mistakes, "it has not one container")
	}
	c := template.Spec.Containers[0]
	if c.Image != "europe-west1-docker.pkg.dev/my-project/concha/"+name+":v1.0.0" {
		report("it runs %s", c.Image)
	}
	if c.StartupProbe == nil || c.StartupProbe.HttpGet == nil || c.StartupProbe.HttpGet.Path != "/readyz" ||
		c.LivenessProbe == nil || c.LivenessProbe.HttpGet == nil || c.LivenessProbe.HttpGet.Path != "/livez" {
		report("it has no start-up probe for /readyz or no liveness probe for /livez")
	}
	if c.Resources == nil || c.Resources.Limits["memory"] == "" || c.Resources.Limits["cpu"] == "" {
		report("it has no limits")
	}
	environment := map[string]string{}
	for _, e := range c.Env {
		environment[e.Name] = e.Value
	}
	files := map[string]bool{}
	for _, v := range template.Spec.Volumes {
		if v.Secret == nil || v.Secret.SecretName != "concha-"+v.Name || !slices.Contains(volumes[name], v.Name) {
			report("it may not mount the volume %s", v.Name)
			continue
		}
		for _, mount := range c.VolumeMounts {
			if mount.Name == v.Name {
				files[mount.MountPath+"/"+v.Secret.Items[0].Path] = true
			}
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
	return append(mistakes, program.Check(c.Args, environment)...)
}

// volumes are the secrets that a service may mount.
var volumes = map[string][]string{
	"gateway": {"api-keys", "gateway-key"}, "accounts": {"gateway-public-keys"}, "audios": {"gateway-public-keys", "audios-key"},
}

func TestServices(t *testing.T) {
	for name, program := range repo.Programs(t) {
		if mistakes := check(name, repo.Read(t, "deploy/cloudrun/"+name+".yaml"), program); len(mistakes) > 0 {
			t.Errorf("%s: %s", name, strings.Join(mistakes, "\n"))
		}
	}
}

// TestMistakes makes one mistake at a time: each must be found.
func TestMistakes(t *testing.T) {
	programs := repo.Programs(t)
	for name, m := range map[string]struct{ service, old, new, want string }{
		"keys elsewhere":        {"gateway", "path: key.pem", "path: keys.pem", "CONCHA_GATEWAY_KEY_FILE"},
		"private key, public":   {"accounts", "secretName: concha-gateway-public-keys", "secretName: concha-gateway-key", "may not mount"},
		"no identity":           {"gateway", "google-id-token", "none", "identity"},
		"misspelt field":        {"accounts", "containerConcurrency", "containerConcurency", "unknown field"},
		"wrong type":            {"accounts", "timeoutSeconds: 300", "timeoutSeconds: 5m", "timeoutSeconds"},
		"misspelt annotation":   {"accounts", "run.googleapis.com/minScale", "run.googleapis.com/min-scale", "minScale"},
		"wrong setting":         {"accounts", "CONCHA_BUCKET", "CONCHA_BUCKETS", "CONCHA_BUCKETS"},
		"malformed value":       {"gateway", "https://accounts-", "accounts-", "CONCHA_ACCOUNTS_URL"},
		"public service":        {"audios", "ingress: internal", "ingress: all", "ingress"},
		"no probe":              {"audios", "livenessProbe", "livenesProbe", "unknown field"},
		"relay is throttled":    {"accounts", `cpu-throttling: "false"`, `cpu-throttling: "true"`, "cpu-throttling"},
		"gateway cut off":       {"gateway", "all-traffic", "private-ranges-only", "vpc-access-egress"},
		"identity of another":   {"audios", "concha-audios@", "concha-accounts@", "acts as"},
		"image of another":      {"audios", "concha/audios", "concha/accounts", "it runs"},
		"liveness by readiness": {"gateway", "path: /livez", "path: /readyz", "liveness probe"},
	} {
		t.Run(name, func(t *testing.T) {
			text := repo.Read(t, "deploy/cloudrun/"+m.service+".yaml")
			if !strings.Contains(text, m.old) {
				t.Fatalf("no %q", m.old)
			}
			if found := strings.Join(check(m.service, strings.Replace(text, m.old, m.new, 1), programs[m.service]), "\n"); !strings.Contains(found, m.want) {
				t.Errorf("found:\n%s\nwant: %s", found, m.want)
			}
		})
	}
}
