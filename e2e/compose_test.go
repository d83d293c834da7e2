package e2e

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

const (
	root     = ".."
	services = "github.com/concha-labs/backend/services/"
)

// programs builds the three programs once and returns the folder they are in.
var programs = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "programs")
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", dir+"/",
		services+"accounts/cmd/accounts", services+"audios/cmd/audios", services+"gateway/cmd/gateway").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return dir, nil
})

// composition loads the file as Docker does.
func composition(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")})
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// TestCompose checks the settings of every container.
func TestCompose(t *testing.T) {
	t.Parallel()
	project := composition(t)
	completes := map[string]bool{}
	for _, s := range project.Services {
		for name, dependency := range s.DependsOn {
			switch dependency.Condition {
			case types.ServiceConditionCompletedSuccessfully:
				completes[name] = true
			case types.ServiceConditionHealthy:
				if emulator := project.Services[name].Build == nil && !strings.HasPrefix(project.Services[name].Image, "concha/"); emulator != dependency.Restart {
					t.Errorf("%s is restarted with %s: %t; it is to be with what forgets its data, and only then", s.Name, name, dependency.Restart)
				}
			default:
				t.Errorf("%s waits for %s only to be %s", s.Name, name, dependency.Condition)
			}
		}
	}
	for _, s := range project.Services {
		user, _, _ := strings.Cut(s.User, ":")
		if user == "" || user == "0" || user == "root" {
			t.Errorf("%s runs as %q", s.Name, s.User)
		}
		if !s.ReadOnly || s.Privileged || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not hardened", s.Name)
		}
		if s.HealthCheck == nil != completes[s.Name] {
			t.Errorf("%s: a health check is for what goes on running, and only for that", s.Name)
		}
		if s.HealthCheck != nil && s.Restart != types.RestartPolicyUnlessStopped && s.Build != nil {
			t.Errorf("%s is not restarted", s.Name)
		}
		if completes[s.Name] && !strings.HasPrefix(s.Restart, types.RestartPolicyOnFailure) {
			t.Errorf("%s gives up at once", s.Name)
		}
		if s.Build == nil && !regexp.MustCompile(`:\d+\.\d+\.\d+(-|$)`).MatchString(s.Image) && project.Services[s.Name+"-provision"].Build == nil {
			t.Errorf("%s: the image %s has no fixed version", s.Name, s.Image)
		}
		if strings.Contains(s.Image, "google-cloud-cli") && s.Platform != "linux/amd64" {
			t.Errorf("%s: the image has the emulator of Spanner on linux/amd64 alone", s.Name)
		}
		for _, v := range s.Volumes {
			if _, named := project.Volumes[v.Source]; v.Type != types.VolumeTypeVolume || !named {
				t.Errorf("%s: %s is no named volume", s.Name, v.Target)
			}
		}
	}
}

// TestStorageEmulatorKnowsItsName checks that the emulator's public name in
// each command is the one that clients use, because the client of Cloud Storage
// reads objects under that name.
func TestStorageEmulatorKnowsItsName(t *testing.T) {
	t.Parallel()
	storage := composition(t).Services["storage"]
	for place, command := range map[string]struct{ flags, host string }{
		"docker-compose.yml": {strings.Join(storage.Command, " "), storage.Name},
		"docs/deploy.md": {
			regexp.MustCompile(`(?m)^.*fake-gcs-server (.*) &$`).FindStringSubmatch(read(t, "docs/deploy.md"))[1],
			regexp.MustCompile(`STORAGE_EMULATOR_HOST=http://([^:\s]+)`).FindStringSubmatch(read(t, "docs/deploy.md"))[1],
		},
	} {
		if !strings.Contains(command.flags+" ", "-public-host "+command.host+" ") {
			t.Errorf("%s: %s: no -public-host %s", place, command.flags, command.host)
		}
	}
}

// TestComposeSettings starts the programs with the settings that their
// containers have and one that is wrong: that must be the only mistake.
func TestComposeSettings(t *testing.T) {
	t.Parallel()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	project := composition(t)
	secrets := t.TempDir() // the files that "make up" makes
	for _, args := range [][]string{
		{"keys", "gateway", "--private", filepath.Join(secrets, "gateway-key"), "--public", filepath.Join(secrets, "gateway-public-keys")},
		{"keys", "new", "--name", "x", "--scopes", "accounts:read", "--file", filepath.Join(secrets, "api-keys")},
	} {
		if out, err := concha(t, nil, args...).CombinedOutput(); err != nil {
			t.Fatalf("concha %v: %v: %s", args, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(secrets, "audios-key"), []byte("concha_x_y"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"accounts", "audios", "gateway", "accounts-provision", "audios-provision"} {
		s, err := project.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(dir, strings.TrimSuffix(name, "-provision"))
		usage, err := exec.CommandContext(t.Context(), program, "--help").Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program, s.Command...)
		cmd.Env = []string{"PORT=wrong"}
		for variable, value := range s.Environment {
			cmd.Env = append(cmd.Env, variable+"="+strings.Replace(*value, "/run/secrets", secrets, 1))
			if !strings.HasSuffix(variable, "_EMULATOR_HOST") && !strings.Contains(string(usage), variable) {
				t.Errorf("%s has no setting %s", name, variable)
			}
		}
		out, err := cmd.CombinedOutput()
		if exitCode(t, err) != 2 || !strings.Contains(string(out), "1 mistake in the environment:\n  PORT") {
			t.Errorf("%s %q: %v: %s", name, s.Command, err, out)
		}
		if s.HealthCheck == nil {
			continue
		}
		probe := slices.Clone(s.HealthCheck.Test)
		if want := []string{"CMD", "/" + name, "ready"}; !slices.Equal(probe, want) || !strings.Contains(string(usage), "  ready ") {
			t.Errorf("%s: the health check is %q", name, probe)
		}
	}
}

// TestDockerfile holds the build of the images to the workspace.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	file := read(t, "deploy/docker/Dockerfile")
	work := read(t, "go.work")

	var copied []string
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(file, -1) {
		copied = append(copied, strings.Fields(m[1])...)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t\./(\S+)$`).FindAllStringSubmatch(work, -1) {
		// The go command wants at least the go.mod of every module of a workspace.
		if top, _, _ := strings.Cut(m[1], "/"); !slices.Contains(copied, top) && !slices.Contains(copied, m[1]+"/go.mod") {
			t.Errorf("the module %s is not copied", m[1])
		}
	}
	ignored := strings.Fields(read(t, ".dockerignore"))
	for _, source := range copied {
		if _, err := os.Stat(filepath.Join(root, source)); err != nil {
			t.Error(err)
		}
		if !slices.Contains(ignored, "!"+source) {
			t.Errorf("%s is not sent to the build", source)
		}
	}

	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(work)[1]
	if !strings.Contains(file, "FROM golang:"+goVersion+"-") {
		t.Errorf("it does not build with Go %s", goVersion)
	}
	if !strings.Contains(file, "-X github.com/concha-labs/backend/pkg/settings.version=") || !strings.Contains(read(t, "pkg/settings/version.go"), "\nvar version string\n") {
		t.Error("the version is not set")
	}
}

// TestImages checks that there is an image of every program that serves.
func TestImages(t *testing.T) {
	t.Parallel()
	file := read(t, "deploy/docker/Dockerfile")
	_, build, _ := strings.Cut(file, "-o /out \\\n")
	build, _, _ = strings.Cut(build, "\n\n")
	built := strings.Fields(build)

	var programs []string
	err := filepath.WalkDir(filepath.Join(root, "services"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "main.go" {
			dir, _ := filepath.Rel(root, filepath.Dir(path))
			programs = append(programs, "./"+filepath.ToSlash(dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(built)
	// concha, which copies the data of the all-in-one process, is in its image.
	if diff := cmp.Diff(append([]string{"./cmd/concha"}, programs...), built); diff != "" {
		t.Errorf("programs (-workspace +Dockerfile):\n%s", diff)
	}
	for _, path := range programs {
		name := filepath.Base(path)
		stage := regexp.MustCompile(`(?m)^FROM base AS ` + name + `\n(?:ENV .*\n)?(?:COPY --from=build --chown=65532:65532 /data /data\n)?COPY --from=build /out/` + name + ` (?:/out/concha /|/` + name + `)\nENTRYPOINT \["/` + name + `"\]$`)
		if !stage.MatchString(file) {
			t.Errorf("no stage %s with the program of that name as its entry point", name)
		}
	}
	for _, s := range composition(t).Services {
		if s.Build != nil && (s.Build.Dockerfile != "deploy/docker/Dockerfile" || !strings.Contains(file, "\nFROM base AS "+s.Build.Target+"\n")) {
			t.Errorf("%s is built from %s, stage %s", s.Name, s.Build.Dockerfile, s.Build.Target)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
