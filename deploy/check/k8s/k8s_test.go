package k8s

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

// reachable is who may reach whom, by overlay. Everything that is not here is
// denied, among all pods and the peers of reach.go.
var reachable = map[string][]string{
	"gke": sorted(
		lookups("accounts", "audios", "gateway", "accounts migrate", "audios migrate"),
		to("gateway:8080", "audios", "the internet", "Google APIs", "the metadata server", "the metadata server of Dataplane V1",
			"a private address", "a pod of another namespace", "DNS", "NodeLocal DNSCache", "Managed Prometheus", "Prometheus"),
		to("accounts:8080", "gateway"), to("audios:8080", "gateway"),
		to("accounts:9090", "Managed Prometheus"), to("audios:9090", "Managed Prometheus"), to("gateway:9090", "Managed Prometheus"),
		google("accounts", "audios", "accounts migrate", "audios migrate"),
	),
	"emulators": sorted(
		lookups("accounts", "audios", "gateway", "accounts provision", "audios provision"),
		to("gateway:8080", "audios", "the internet", "Google APIs", "the metadata server", "the metadata server of Dataplane V1",
			"a private address", "a pod of another namespace", "DNS", "NodeLocal DNSCache", "Managed Prometheus", "Prometheus"),
		to("accounts:8080", "gateway"), to("audios:8080", "gateway"),
		to("spanner:9010", "accounts", "audios", "accounts provision", "audios provision"),
		to("pubsub:8085", "accounts", "audios", "accounts provision", "audios provision"),
		to("storage:4443", "accounts", "audios", "accounts provision", "audios provision"),
		lookups("spanner", "pubsub", "storage"),
	),
}

func to(target string, from ...string) (allowed []string) {
	for _, f := range from {
		allowed = append(allowed, f+" -> "+target)
	}
	return allowed
}

func lookups(from ...string) []string {
	return append(to("DNS:53", from...), to("NodeLocal DNSCache:53", from...)...)
}

func google(from ...string) []string {
	return slices.Concat(to("Google APIs:443", from...), to("the internet:443", from...),
		to("the metadata server:80", from...), to("the metadata server:988", from...),
		to("the metadata server of Dataplane V1:80", from...), to("the metadata server of Dataplane V1:988", from...))
}

func sorted(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all
}

var folder = filepath.Join(repo.Root(), "deploy/k8s")

// findings are the mistakes in an overlay and in who may reach whom in it.
func findings(t *testing.T, overlay string, programs map[string]repo.Program, change func(read func(string) string, write func(file, text string))) string {
	t.Helper()
	files, err := load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(func(file string) string {
			text, err := files.ReadFile("/" + file)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}, func(file, text string) {
			if err := files.WriteFile("/"+file, []byte(text)); err != nil {
				t.Fatal(err)
			}
		})
	}
	mistakes, reach := check(files, overlay, programs)
	if reach != nil {
		if diff := cmp.Diff(reachable[overlay], reach); diff != "" {
			mistakes = append(mistakes, "who may reach whom (-want +got):\n"+strings.ReplaceAll(diff, "\u00a0", " "))
		}
	}
	return strings.Join(mistakes, "\n")
}

func TestManifests(t *testing.T) {
	programs := repo.Programs(t)
	names, err := overlays(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, overlay := range names {
		t.Run(overlay, func(t *testing.T) {
			if found := findings(t, overlay, programs, nil); found != "" {
				t.Error(found)
			}
		})
	}
}

// TestMonitoring adds the component that no overlay has.
func TestMonitoring(t *testing.T) {
	const overlay = "overlays/emulators/kustomization.yaml"
	files, err := load(folder)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(repo.Read(t, "deploy/k8s/"+overlay), "components:\n", "components:\n  - ../../components/monitoring\n", 1)
	if err := files.WriteFile("/"+overlay, []byte(text)); err != nil {
		t.Fatal(err)
	}
	mistakes, reach := check(files, "emulators", repo.Programs(t))
	if len(mistakes) > 0 {
		t.Error(strings.Join(mistakes, "\n"))
	}
	want := sorted(reachable["emulators"], to("accounts:9090", "Prometheus"), to("audios:9090", "Prometheus"), to("gateway:9090", "Prometheus"))
	if diff := cmp.Diff(want, reach); diff != "" {
		t.Errorf("who may reach whom (-want +got):\n%s", diff)
	}
	_, rules, _ := strings.Cut(repo.Read(t, "deploy/k8s/components/monitoring/rules.yaml"), "spec:\n")
	_, original, _ := strings.Cut(repo.Read(t, "deploy/observability/rules.yaml"), "groups:\n")
	if got := strings.ReplaceAll("\n"+rules, "\n  ", "\n"); got != "\ngroups:\n"+original {
		t.Error("the PrometheusRule has other rules than deploy/observability/rules.yaml")
	}
}

// TestMistakes makes one mistake at a time: each must be found.
func TestMistakes(t *testing.T) {
	const (
		base     = "base/accounts.yaml"
		network  = "base/network.yaml"
		gke      = "overlays/gke/kustomization.yaml"
		migrate  = "components/migrate/jobs.yaml"
		route    = "components/gateway-api/gateway.yaml"
		emulator = "overlays/emulators/kustomization.yaml"
	)
	programs := repo.Programs(t)
	for name, m := range map[string]struct {
		file, old, new string // new in place of the first old
		overlay, want  string // gke if empty
	}{
		"misspelt field":                 {base, "minReadySeconds", "minReadySecond", "", `unknown field "spec.minReadySecond"`},
		"misspelt field of a container":  {base, "terminationGracePeriodSeconds", "terminationGracePeriod", "", "unknown field"},
		"field at the wrong place":       {base, "  strategy:\n    type", "  strategy:\n    kind", "", "unknown field"},
		"wrong type":                     {base, "failureThreshold: 60", "failureThreshold: sixty", "", "failureThreshold"},
		"misspelt kind":                  {base, "kind: HorizontalPodAutoscaler", "kind: HorizontalPodAutoScaler", "", "HorizontalPodAutoScaler"},
		"old API version":                {base, "autoscaling/v2", "autoscaling/v2beta2", "", "autoscaling/v2beta2"},
		"wrong variable":                 {gke, "CONCHA_SPANNER_DATABASE", "CONCHA_SPANNER_DB", "", "has no setting CONCHA_SPANNER_DB"},
		"misspelt variable in the base":  {"base/kustomization.yaml", "CONCHA_AUDIOS_URL", "CONCHA_AUDIO_URL", "", "has no setting CONCHA_AUDIO_URL"},
		"malformed value":                {gke, "projects/my-project/instances/concha/databases/accounts", "accounts", "", "CONCHA_SPANNER_DATABASE"},
		"missing setting":                {gke, "      - CONCHA_BUCKET=my-project-files\n", "", "", "CONCHA_BUCKET"},
		"wrong value for an emulator":    {emulator, "CONCHA_SPANNER_MAX_WRITES=1", "CONCHA_SPANNER_MAX_WRITES=one", "emulators", "CONCHA_SPANNER_MAX_WRITES"},
		"unknown command":                {migrate, "args: [migrate]", "args: [migrat]", "", `no command "migrat"`},
		"settings that are not there":    {migrate, "name: accounts\n          resources", "name: account\n          resources", "", "are not there"},
		"no readiness probe":             {base, "readinessProbe", "x", "", "unknown field"},
		"no readiness probe, removed":    {base, section(t, base, "          readinessProbe:\n", "          livenessProbe:\n"), "", "", "no readiness probe"},
		"no liveness probe":              {base, section(t, base, "          livenessProbe:\n", "          lifecycle:\n"), "", "", "no liveness probe"},
		"no startup probe":               {base, section(t, base, "          startupProbe:\n", "          readinessProbe:\n"), "", "", "no startup probe"},
		"readiness by liveness":          {base, "path: /readyz", "path: /livez", "", "readiness probe asks for /livez"},
		"probe at the admin port":        {base, "path: /readyz\n              port: http", "path: /readyz\n              port: admin", "", "readiness probe"},
		"hasty liveness probe":           {base, "periodSeconds: 10\n            timeoutSeconds: 3\n            failureThreshold: 3", "periodSeconds: 1\n            timeoutSeconds: 1\n            failureThreshold: 1", "", "gives up within"},
		"no preStop":                     {base, section(t, base, "          lifecycle:\n", "---\napiVersion: autoscaling"), "", "", "no preStop"},
		"short grace period":             {base, "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 10", "", "grace period"},
		"privileged":                     {base, "allowPrivilegeEscalation: false", "privileged: true", "", "privileged"},
		"privilege escalation":           {base, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "", "allowPrivilegeEscalation"},
		"root":                           {base, "runAsUser: 65532", "runAsUser: 0", "", "runAsUser=0"},
		"capabilities":                   {base, "drop: [ALL]", "add: [NET_ADMIN]", "", "capabilities"},
		"host network":                   {base, "      enableServiceLinks: false", "      enableServiceLinks: false\n      hostNetwork: true", "", "host"},
		"host path":                      {base, "      containers:", "      volumes: [{name: x, hostPath: {path: /}}]\n      containers:", "", "hostPath"},
		"writable root":                  {base, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "", "can be written"},
		"token of the API server":        {base, "      automountServiceAccountToken: false", "      automountServiceAccountToken: true", "", "mounts a token"},
		"no seccomp profile":             {base, "RuntimeDefault", "Unconfined", "", "seccomp"},
		"no limit":                       {base, "limits:\n              cpu: \"2\"\n              memory: 1Gi", "limits:\n              cpu: \"2\"", "", "no limit of memory"},
		"request above the limit":        {base, "memory: 1Gi\n            limits", "memory: 2Gi\n            limits", "", "memory limit"},
		"GOMEMLIMIT above the limit":     {base, "900MiB", "1100MiB", "", "GOMEMLIMIT"},
		"latest":                         {gke, "newTag: v1.0.0", "newTag: latest", "", "has no version"},
		"image of another program":       {gke, "concha/accounts\n    newTag", "concha/audios\n    newTag", "", "runs the image"},
		"identity of another service":    {"overlays/gke/identities.yaml", "concha-accounts@", "concha-audios@", "", "acts as concha-audios@"},
		"not spread":                     {base, "topology.kubernetes.io/zone", "topology.kubernetes.io/region", "", "not spread"},
		"spread of other pods":           {base, "labelSelector: &pods\n            matchLabels:\n              app.kubernetes.io/name: accounts", "labelSelector: &pods\n            matchLabels:\n              app.kubernetes.io/name: account", "", "not spread"},
		"other ports":                    {base, "containerPort: 8080", "containerPort: 8081", "", "its ports are"},
		"selector of other pods":         {base, "  selector:\n    matchLabels:\n      app.kubernetes.io/name: accounts\n      app.kubernetes.io/component: server\n  template", "  selector:\n    matchLabels:\n      app.kubernetes.io/name: audios\n      app.kubernetes.io/component: server\n  template", "", "selector"},
		"service of other pods":          {base, "  selector:\n    app.kubernetes.io/name: accounts", "  selector:\n    app.kubernetes.io/name: audios", "", "Service accounts"},
		"service of Jobs too":            {base, "    app.kubernetes.io/component: server\n  ports", "  ports", "", "Service accounts"},
		"service to a port that is none": {base, "targetPort: http", "targetPort: web", "", "no port web"},
		"published service":              {base, "spec:\n  selector:\n    app", "spec:\n  type: LoadBalancer\n  selector:\n    app", "", "its type is LoadBalancer"},
		"one replica":                    {base, "minReplicas: 2", "minReplicas: 1", "", "from 1 to 16"},
		"more replicas than shards":      {base, "maxReplicas: 16", "maxReplicas: 64", "", "from 2 to 64"},
		"min above max":                  {base, "minReplicas: 2", "minReplicas: 20", "", "maxReplicas"},
		"scales nothing":                 {base, "    kind: Deployment\n    name: accounts", "    kind: Deployment\n    name: account", "", "scales Deployment account"},
		"scales at 5 %":                  {base, "averageUtilization: 70", "averageUtilization: 5", "", "aims at 5%"},
		"scales by a misspelt resource":  {base, "        name: cpu\n        target", "        name: cpus\n        target", "", "does not go by the CPU"},
		"no disruption allowed":          {base, "maxUnavailable: 1\n", "maxUnavailable: 0\n", "", "PodDisruptionBudget"},
		"all disrupted":                  {base, "maxUnavailable: 1\n", "maxUnavailable: 100%\n", "", "PodDisruptionBudget"},
		"budget of other pods":           {base, "AlwaysAllow\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: accounts", "AlwaysAllow\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: audios", "", "PodDisruptionBudget"},
		"both bounds":                    {base, "maxUnavailable: 1\n", "maxUnavailable: 1\n  minAvailable: 1\n", "", "cannot be both set"},
		"update takes pods away":         {base, "maxUnavailable: 0\n", "maxUnavailable: 1\n", "", "rolling update"},
		"update cannot go on":            {base, "maxSurge: 1", "maxSurge: 0", "", "maxUnavailable"},
		"fixed replicas":                 {base, "  minReadySeconds: 5", "  replicas: 3\n  minReadySeconds: 5", "", "has replicas"},
		"gateway cannot reach accounts":  {network, "app.kubernetes.io/name: gateway\n      ports", "app.kubernetes.io/name: gatway\n      ports", "", "-> accounts:8080"},
		"gateway may not call audios":    {network, "name: audios\n              app", "name: audio\n              app", "", "-> audios:8080"},
		"gateway calls another port":     {network, "- port: 8080", "- port: 8081", "", "-> accounts:8080"},
		"services open to the namespace": {network, "    - from:\n        - podSelector:\n            matchLabels:\n              app.kubernetes.io/name: gateway", "    - from:\n        - podSelector: {}", "", "accounts lets audios in at 8080"},
		"services open to all":           {network, "    - from:\n        - podSelector:\n            matchLabels:\n              app.kubernetes.io/name: gateway\n      ports", "    - ports", "", "the internet -> accounts:8080"},
		"services open to namespaces":    {network, "        - podSelector:\n            matchLabels:\n              app.kubernetes.io/name: gateway\n      ports", "        - namespaceSelector: {}\n      ports", "", "a pod of another namespace -> accounts:8080"},
		"services open to addresses":     {network, "        - podSelector:\n            matchLabels:\n              app.kubernetes.io/name: gateway\n      ports", "        - ipBlock: {cidr: 0.0.0.0/0}\n      ports", "", "the internet -> accounts:8080"},
		"nothing is denied":              {network, "  podSelector: {}\n  policyTypes: [Ingress, Egress]", "  podSelector: {matchLabels: {a: b}}\n  policyTypes: [Ingress, Egress]", "", "denies everything"},
		"egress is not denied":           {network, "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "", "denies everything"},
		"gateway closed":                 {network, "        - port: http\n  egress", "        - port: admin\n  egress", "", "the internet -> gateway:8080"},
		"no DNS":                         {network, "kubernetes.io/metadata.name: kube-system", "name: kube-system", "", "-> DNS:53"},
		"Google APIs closed":             {"overlays/gke/network.yaml", "- port: 443", "- port: 80", "", "-> Google APIs:443"},
		"metadata server closed":         {"overlays/gke/network.yaml", "169.254.169.254/32", "169.254.169.253/32", "", "-> the metadata server:80"},
		"private addresses open":         {"overlays/gke/network.yaml", "10.0.0.0/8, ", "", "", "-> a private address:443"},
		"invalid address":                {"overlays/gke/network.yaml", "0.0.0.0/0", "0.0.0.0", "", "ipBlock"},
		"metrics open":                   {"overlays/gke/network.yaml", "kubernetes.io/metadata.name: gmp-system\n          podSelector:\n            matchLabels:\n              app.kubernetes.io/name: collector", "{}", "", "-> accounts:9090"},
		"metrics closed":                 {"overlays/gke/network.yaml", "gmp-system", "gmp", "", "Managed Prometheus -> accounts:9090"},
		"gateway uses the emulators":     {"overlays/emulators/network.yaml", "values: [accounts, audios]", "values: [accounts, audios, gateway]", "emulators", "lets gateway in"},
		"scrapes Jobs":                   {"overlays/gke/pod-monitoring.yaml", "      app.kubernetes.io/component: server\n", "", "", "is scraped is wrong"},
		"scrapes another port":           {"overlays/gke/pod-monitoring.yaml", "port: admin", "port: http", "", "scrapes"},
		"publishes a service":            {route, "name: gateway\n          port", "name: accounts\n          port", "", "publishes accounts"},
		"publishes without TLS":          {route, "sectionName: https", "sectionName: http", "", "without TLS"},
		"misspelt field of a route":      {route, "backendRefs", "backendRef", "", "unknown field"},
		"route for another host":         {route, "hostnames: [concha.example.com]", "hostnames: [example.com]", "", "CONCHA_PUBLIC_URL"},
		"health check elsewhere":         {"overlays/gke/health-check.yaml", "/readyz", "/healthz", "", "/healthz"},
		"keys that are not mounted":      {"overlays/gke/keys.yaml", "/secrets/api-keys", "/etc/api-keys", "", "CONCHA_API_KEYS_FILE"},
		"private key for a service":      {"overlays/gke/keys.yaml", "secretName: concha-gateway-public-keys", "secretName: concha-gateway-key", "", "may not mount"},
		"no access control":              {gke, "      - CONCHA_API_KEYS_FILE=/secrets/api-keys/keys.ndjson\n", "", "", "CONCHA_API_KEYS_FILE"},
		"services trust everybody":       {gke, "      - CONCHA_GATEWAY_PUBLIC_KEYS_FILE=/secrets/gateway-public-keys/keys.pem\n", "", "", "CONCHA_GATEWAY_PUBLIC_KEYS_FILE"},
		"Pod Security off":               {"base/namespace.yaml", "enforce: restricted", "enforce: privileged", "", "does not enforce"},
		"job that stays":                 {migrate, "  ttlSecondsAfterFinished: 300\n", "", "", "stays when it has finished"},
		"job restarted always":           {migrate, "restartPolicy: OnFailure", "restartPolicy: Always", "", "restartPolicy"},
		"no migration":                   {gke, "  - ../../components/migrate\n", "", "", "no Job prepares"},
		"another namespace":              {gke, "namespace: concha", "namespace: default", "", "not in the namespace concha"},
		"file that is not there":         {gke, "  - network.yaml", "  - networks.yaml", "", "networks.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			overlay := m.overlay
			if overlay == "" {
				overlay = "gke"
			}
			found := findings(t, overlay, programs, func(read func(string) string, write func(file, text string)) {
				text := read(m.file)
				if !strings.Contains(text, m.old) {
					t.Fatalf("%s has no %q", m.file, m.old)
				}
				write(m.file, strings.Replace(text, m.old, m.new, 1))
			})
			if found == "" || !strings.Contains(found, m.want) {
				t.Errorf("found:\n%s\nwant: %s", found, m.want)
			}
		})
	}
}

// section is the text of a file from one line to before another.
func section(t *testing.T, file, from, until string) string {
	t.Helper()
	text := repo.Read(t, "deploy/k8s/"+file)
	i := strings.Index(text, from)
	if i < 0 {
		t.Fatalf("%s has no %q", file, from)
	}
	j := strings.Index(text[i:], until)
	if j < 0 {
		t.Fatalf("%s has no %q", file, until)
	}
	return text[i : i+j]
}
