// Package cluster runs the control plane of Kubernetes, with nodes that are
// simulated by kwok: pods are scheduled, become ready and end, and run nothing.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
	"github.com/concha-labs/backend/deploy/check/internal/system"
)

// Cluster is a running control plane.
type Cluster struct{ dir, kubeconfig string }

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:%s", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: admin}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
`

// node is one of a zone.
const node = `apiVersion: v1
kind: Node
metadata:
  name: node-%[1]d
  labels: {kubernetes.io/hostname: node-%[1]d, topology.kubernetes.io/zone: zone-%[2]d, type: kwok}
status:
  allocatable: {cpu: "8", memory: 32Gi, pods: "110"}
  capacity: {cpu: "8", memory: 32Gi, pods: "110"}
---
`

// Start starts etcd, the API server, the controllers, the scheduler and six
// nodes in three zones, until the test ends.
func Start(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{dir: t.TempDir()}
	c.kubeconfig = filepath.Join(c.dir, "kubeconfig")
	client, peer, server := system.FreePort(t), system.FreePort(t), system.FreePort(t)
	for name, text := range map[string]string{"tokens.csv": "admin,admin,admin,system:masters\n", "kubeconfig": fmt.Sprintf(kubeconfig, server)} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "openssl", "genrsa", "-out", filepath.Join(c.dir, "sa.key"), "2048").CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v: %s", err, out)
	}
	c.run(t, "etcd", "--data-dir=etcd", "--listen-client-urls=http://127.0.0.1:"+client, "--advertise-client-urls=http://127.0.0.1:"+client,
		"--listen-peer-urls=http://127.0.0.1:"+peer, "--log-level=error")
	c.run(t, "kube-apiserver", "--etcd-servers=http://127.0.0.1:"+client, "--bind-address=127.0.0.1", "--secure-port="+server, "--cert-dir=certs",
		"--feature-gates=WatchList=false,ListFromCacheSnapshot=false,SizeBasedListCostEstimate=false", // which need a newer etcd than Debian has
		"--token-auth-file=tokens.csv", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16", "--disable-admission-plugins=ServiceAccount",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-signing-key-file=sa.key", "--service-account-key-file=sa.key")
	c.Eventually(t, "the API server is ready", func() error { return c.try("get", "--raw", "/readyz") })
	c.run(t, "kube-controller-manager", "--kubeconfig=kubeconfig", "--service-account-private-key-file=sa.key", "--leader-elect=false", "--secure-port=0",
		"--horizontal-pod-autoscaler-sync-period=1s")
	c.run(t, "kube-scheduler", "--kubeconfig=kubeconfig", "--leader-elect=false", "--secure-port="+system.FreePort(t))
	c.run(t, "kwok", "--kubeconfig=kubeconfig", "--manage-all-nodes=true", "--cidr=10.0.0.1/16", "--node-ip=10.0.0.1")
	var nodes strings.Builder
	for i := range 6 {
		fmt.Fprintf(&nodes, node, i, i%3)
	}
	c.Apply(t, nodes.String())
	c.Kubectl(t, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
	return c
}

// run runs a program of .tools/cluster, or else one that is installed, until the
// test ends.
func (c *Cluster) run(t *testing.T, name string, args ...string) {
	t.Helper()
	path := filepath.Join(repo.Root(), ".tools/cluster", name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		path = name
	}
	log, err := os.Create(filepath.Join(c.dir, name+".log")) //nolint:gosec // a name of this file
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s said at the end: %s", name, text[max(0, len(text)-2000):])
		}
	})
}

func (c *Cluster) command(args ...string) *exec.Cmd {
	return exec.Command("kubectl", append([]string{"--kubeconfig=" + c.kubeconfig, "--namespace=concha"}, args...)...) //nolint:gosec,noctx // of the tests
}

// try runs kubectl once.
func (c *Cluster) try(args ...string) error {
	if out, err := c.command(args...).CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Kubectl runs kubectl in the namespace concha and returns its output.
func (c *Cluster) Kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := c.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// Apply applies manifests.
func (c *Cluster) Apply(t *testing.T, manifests string) {
	t.Helper()
	cmd := c.command("apply", "--filename=-")
	cmd.Stdin = strings.NewReader(manifests)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v: %s", err, out)
	}
}

// Eventually calls try until it returns nil, for at most two minutes.
func (c *Cluster) Eventually(t *testing.T, about string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	err := try()
	for ; err != nil && time.Now().Before(deadline); err = try() {
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("%s: not within two minutes: %v", about, err)
	}
}
