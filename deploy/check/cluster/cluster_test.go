//go:build cluster

package cluster

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

// definitions are stand-ins of the resources that GKE brings: what their API
// server does not check is checked by the package k8s.
const definitions = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: healthcheckpolicies.networking.gke.io}
spec:
  group: networking.gke.io
  names: {kind: HealthCheckPolicy, plural: healthcheckpolicies}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: podmonitorings.monitoring.googleapis.com}
spec:
  group: monitoring.googleapis.com
  names: {kind: PodMonitoring, plural: podmonitorings}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`

var programs = []string{"accounts", "audios", "gateway"}

// TestOverlays applies each overlay to a control plane of its own.
func TestOverlays(t *testing.T) {
	for _, overlay := range []string{"emulators", "gke"} {
		t.Run(overlay, func(t *testing.T) {
			c := Start(t)
			c.Apply(t, definitions)
			c.Kubectl(t, "apply", "--server-side", "--filename="+gatewayAPI(t))
			c.Kubectl(t, "wait", "--for=condition=Established", "crds", "--all", "--timeout=60s")
			t.Log(c.Kubectl(t, "apply", "--kustomize="+filepath.Join(repo.Root(), "deploy/k8s/overlays", overlay)))
			c.Kubectl(t, "wait", "--for=condition=Available", "deployments", "--all", "--timeout=120s")
			c.Kubectl(t, "wait", "--for=condition=Complete", "jobs", "--all", "--timeout=120s")
			for _, name := range programs {
				c.scales(t, name)
				c.isSpread(t, name)
			}
			c.keepsOne(t, "accounts")
			c.rolls(t, "gateway")
			t.Log(c.Kubectl(t, "get", "deployments,jobs,hpa,pdb,pods", "--output=wide"))
			if again := c.Kubectl(t, "apply", "--kustomize="+filepath.Join(repo.Root(), "deploy/k8s/overlays", overlay)); strings.Contains(again, " created") {
				t.Errorf("the second apply creates objects:\n%s", again)
			}
		})
	}
}

// gatewayAPI is the folder of the definitions of the Gateway API.
func gatewayAPI(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api")
	dir, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "config/crd/standard/gateway.networking.k8s.io_gateways.yaml") +
		"," + filepath.Join(strings.TrimSpace(string(dir)), "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml")
}

// ready returns the number of pods of a program that are ready.
func (c *Cluster) ready(t *testing.T, name string) int {
	t.Helper()
	n, err := strconv.Atoi("0" + c.Kubectl(t, "get", "deployment", name, "--output=jsonpath={.status.readyReplicas}"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// scales waits until the HorizontalPodAutoscaler has made one replica two.
func (c *Cluster) scales(t *testing.T, name string) {
	t.Helper()
	c.Eventually(t, name+" has two replicas", func() error {
		if n := c.ready(t, name); n != 2 {
			return fmt.Errorf("%d are ready: %s", n, c.Kubectl(t, "get", "deployments,hpa,pods", "--output=wide"))
		}
		return nil
	})
}

// isSpread checks that the pods of a program are in different zones.
func (c *Cluster) isSpread(t *testing.T, name string) {
	t.Helper()
	zones := map[string]bool{}
	for _, node := range strings.Fields(c.Kubectl(t, "get", "pods", "--selector="+selector(name), "--output=jsonpath={.items[*].spec.nodeName}")) {
		zones[c.Kubectl(t, "get", "node", node, "--output=jsonpath={.metadata.labels.topology\\.kubernetes\\.io/zone}")] = true
	}
	if len(zones) < 2 {
		t.Errorf("the pods of %s are in %v alone", name, zones)
	}
}

func selector(name string) string {
	return "app.kubernetes.io/component=server,app.kubernetes.io/name=" + name
}

// keepsOne evicts the pods of a program while no node takes another one: the
// PodDisruptionBudget refuses all but the first.
func (c *Cluster) keepsOne(t *testing.T, name string) {
	t.Helper()
	c.Eventually(t, "the budget allows one disruption", func() error {
		if n := c.Kubectl(t, "get", "pdb", name, "--output=jsonpath={.status.disruptionsAllowed}"); n != "1" {
			return fmt.Errorf("it allows %s", n)
		}
		return nil
	})
	c.Kubectl(t, "cordon", "--selector=type=kwok")
	evicted, refused := 0, 0
	for _, pod := range strings.Fields(c.Kubectl(t, "get", "pods", "--selector="+selector(name), "--output=jsonpath={.items[*].metadata.name}")) {
		cmd := c.command("create", "--raw", "/api/v1/namespaces/concha/pods/"+pod+"/eviction", "--filename=-")
		cmd.Stdin = strings.NewReader(fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":"concha"}}`, pod))
		switch out, err := cmd.CombinedOutput(); {
		case err == nil:
			evicted++
		case strings.Contains(string(out), "disruption budget"):
			refused++
		default:
			t.Errorf("evict %s: %v: %s", pod, err, out)
		}
	}
	if evicted != 1 || refused != 1 {
		t.Errorf("%d pods of %s were evicted and %d were not, want one each", evicted, name, refused)
	}
	c.Kubectl(t, "uncordon", "--selector=type=kwok")
	c.scales(t, name)
}

// rolls brings another version, and checks that two pods are ready all the time.
func (c *Cluster) rolls(t *testing.T, name string) {
	t.Helper()
	c.Kubectl(t, "set", "image", "deployment/"+name, name+"=concha/"+name+":next")
	fewest, deadline := 2, time.Now().Add(2*time.Minute)
	for c.try("rollout", "status", "deployment/"+name, "--watch=false") != nil || !c.updated(t, name) {
		fewest = min(fewest, c.ready(t, name))
		if time.Now().After(deadline) {
			t.Fatalf("%s is not rolled out: %s", name, c.Kubectl(t, "get", "pods", "--output=wide"))
		}
	}
	if fewest < 2 {
		t.Errorf("only %d pods of %s were ready during the update", fewest, name)
	}
}

func (c *Cluster) updated(t *testing.T, name string) bool {
	t.Helper()
	return c.Kubectl(t, "get", "deployment", name, "--output=jsonpath={.status.updatedReplicas} {.status.replicas}") == "2 2"
}
