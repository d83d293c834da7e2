package k8s

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	psapi "k8s.io/pod-security-admission/api"
	pspolicy "k8s.io/pod-security-admission/policy"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

const (
	nameLabel      = "app.kubernetes.io/name"
	componentLabel = "app.kubernetes.io/component"
	server         = "server"

	// stop is how long a process may take to end after SIGTERM, in seconds.
	stop = 10
)

var programNames = []string{"accounts", "audios", "gateway"}

type pod struct {
	id string
	*corev1.PodTemplateSpec
}

func (p pod) container() corev1.Container { return p.Spec.Containers[0] }

func (p pod) port(name string) int32 {
	for _, port := range p.container().Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

// pods are those of Deployments and Jobs.
func (o *objects) pods() (all []pod) {
	for _, name := range slices.Sorted(maps.Keys(o.deployments)) {
		all = append(all, pod{"Deployment " + name, &o.deployments[name].Spec.Template})
	}
	for _, name := range slices.Sorted(maps.Keys(o.jobs)) {
		all = append(all, pod{"Job " + name, &o.jobs[name].Spec.Template})
	}
	return all
}

var pinned = regexp.MustCompile(`(:[\w.-]+|@sha256:[0-9a-f]{64})$`)

// checkPods are the rules for every pod, and those for pods that run a program
// of this repository.
func (o *objects) checkPods(programs map[string]repo.Program) (mistakes []string) {
	evaluator, err := pspolicy.NewEvaluator(pspolicy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	for _, p := range o.pods() {
		report := func(format string, args ...any) {
			mistakes = append(mistakes, p.id+": "+fmt.Sprintf(format, args...))
		}
		restricted := psapi.LevelVersion{Level: psapi.LevelRestricted, Version: psapi.LatestVersion()}
		for _, result := range evaluator.EvaluatePod(restricted, &p.ObjectMeta, &p.Spec) {
			if !result.Allowed {
				report("Pod Security restricted: %s: %s", result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
		if len(p.Spec.Containers) != 1 || len(p.Spec.InitContainers) != 0 {
			report("it has more than one container")
		}
		c := p.container()
		if p.Spec.AutomountServiceAccountToken == nil || *p.Spec.AutomountServiceAccountToken {
			report("it mounts a token of the API server")
		}
		if p.Spec.EnableServiceLinks == nil || *p.Spec.EnableServiceLinks {
			report("it has a variable for each service")
		}
		if c.SecurityContext == nil || c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
			report("its root file system can be written")
		}
		if !pinned.MatchString(c.Image) || strings.HasSuffix(c.Image, ":latest") {
			report("the image %s has no version", c.Image)
		}
		for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			if c.Resources.Requests.Name(r, resource.DecimalSI).IsZero() || c.Resources.Limits.Name(r, resource.DecimalSI).IsZero() {
				report("it has no request or no limit of %s", r)
			}
		}
		if name := p.Labels[nameLabel]; slices.Contains(programNames, name) {
			mistakes = append(mistakes, o.checkProgram(p, programs[name])...)
		}
	}
	return mistakes
}

// checkProgram holds a pod to the program that it runs.
func (o *objects) checkProgram(p pod, program repo.Program) (mistakes []string) {
	name, c := p.Labels[nameLabel], p.container()
	report := func(format string, args ...any) {
		mistakes = append(mistakes, p.id+": "+fmt.Sprintf(format, args...))
	}
	if image, _, _ := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":"); image != name {
		report("it runs the image %s, not %s", c.Image, name)
	}
	if c.Command != nil {
		report("it has a command, in place of the image's")
	}
	account := o.accounts[p.Spec.ServiceAccountName]
	if p.Spec.ServiceAccountName != name || account == nil {
		report("its service account is %q, not %q", p.Spec.ServiceAccountName, name)
	} else if google, ok := account.Annotations["iam.gke.io/gcp-service-account"]; ok && !strings.HasPrefix(google, "concha-"+name+"@") {
		report("it acts as %s", google)
	}
	environment := map[string]string{}
	for _, from := range c.EnvFrom {
		configMap := &corev1.ConfigMap{}
		if from.ConfigMapRef != nil && o.configMaps[from.ConfigMapRef.Name] != nil {
			configMap = o.configMaps[from.ConfigMapRef.Name]
		} else {
			report("its settings are not there: %v", from)
		}
		maps.Copy(environment, configMap.Data)
	}
	for _, e := range c.Env {
		environment[e.Name] = e.Value
	}
	for _, mistake := range program.Check(c.Args, environment) {
		report("%s", mistake)
	}
	if p.Labels[componentLabel] == server {
		mistakes = append(mistakes, o.checkServer(p, environment)...)
	}
	return mistakes
}

// checkServer holds a pod that serves to what a rolling update needs.
func (o *objects) checkServer(p pod, environment map[string]string) (mistakes []string) {
	c := p.container()
	report := func(format string, args ...any) {
		mistakes = append(mistakes, p.id+": "+fmt.Sprintf(format, args...))
	}
	if p.port("http") != 8080 || p.port("admin") != 9090 {
		report("its ports are %v, not http 8080 and admin 9090", c.Ports)
	}
	for kind, probe := range map[string]struct {
		*corev1.Probe
		path    string
		patient int32 // seconds that it must wait at least
	}{
		"startup": {c.StartupProbe, "/livez", 30}, "readiness": {c.ReadinessProbe, "/readyz", 5}, "liveness": {c.LivenessProbe, "/livez", 20},
	} {
		switch {
		case probe.Probe == nil || probe.HTTPGet == nil:
			report("it has no %s probe", kind)
		case probe.HTTPGet.Path != probe.path || probe.HTTPGet.Port.String() != "http":
			report("its %s probe asks for %s at %s, not for %s at http", kind, probe.HTTPGet.Path, probe.HTTPGet.Port.String(), probe.path)
		case probe.PeriodSeconds*probe.FailureThreshold < probe.patient:
			report("its %s probe gives up within %d s", kind, probe.PeriodSeconds*probe.FailureThreshold)
		}
	}
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil || c.Lifecycle.PreStop.Sleep == nil {
		report("it stops at once, while requests are still sent to it: no preStop")
	} else if p.Spec.TerminationGracePeriodSeconds == nil || *p.Spec.TerminationGracePeriodSeconds < c.Lifecycle.PreStop.Sleep.Seconds+stop {
		report("its grace period is shorter than preStop and %d s", stop)
	}
	limit, err := resource.ParseQuantity(strings.TrimSuffix(environment["GOMEMLIMIT"], "B"))
	if memory := c.Resources.Limits.Memory(); err != nil || limit.Value() < memory.Value()/2 || limit.Value() > memory.Value()*19/20 {
		report("GOMEMLIMIT is %q, not between a half and 95%% of the limit %s", environment["GOMEMLIMIT"], memory)
	}
	mistakes = append(mistakes, checkFiles(p, environment)...)
	spread := map[string]bool{}
	for _, constraint := range p.Spec.TopologySpreadConstraints {
		spread[constraint.TopologyKey] = selects(constraint.LabelSelector, p.Labels)
	}
	if !spread["topology.kubernetes.io/zone"] || !spread["kubernetes.io/hostname"] {
		report("it is not spread over zones and hosts")
	}
	return mistakes
}

// secrets are the Secrets that a program may read.
var secrets = map[string][]string{
	"gateway":  {"concha-api-keys", "concha-gateway-key"},
	"accounts": {"concha-gateway-public-keys"},
	"audios":   {"concha-gateway-public-keys", "concha-audios-key"},
}

// checkFiles wants the files that settings name in Secrets that are mounted.
func checkFiles(p pod, environment map[string]string) (mistakes []string) {
	mounted := map[string]string{} // by folder
	for _, volume := range p.Spec.Volumes {
		if volume.Secret == nil || !slices.Contains(secrets[p.Labels[nameLabel]], volume.Secret.SecretName) {
			mistakes = append(mistakes, fmt.Sprintf("%s: it may not mount the volume %s", p.id, volume.Name))
			continue
		}
		for _, mount := range p.container().VolumeMounts {
			if mount.Name == volume.Name {
				mounted[mount.MountPath] = volume.Secret.SecretName
			}
		}
	}
	for name, value := range environment {
		if folder, _ := filepath.Split(value); strings.HasSuffix(name, "_FILE") && "concha-"+filepath.Base(folder) != mounted[filepath.Clean(folder)] {
			mistakes = append(mistakes, fmt.Sprintf("%s: %s is %s, in no Secret that is mounted", p.id, name, value))
		}
	}
	return mistakes
}

// selects reports whether a selector matches; an empty one matches everything, nil nothing.
func selects(selector *metav1.LabelSelector, set map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(set))
}
