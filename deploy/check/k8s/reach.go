package k8s

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// peer is an end of a connection: a pod of the overlay, a pod of another
// namespace, or an address outside of the cluster.
type peer struct {
	name      string
	namespace string // of a pod
	labels    map[string]string
	pod       *pod
	address   string // of what is no pod
}

var (
	internet   = peer{name: "the internet", address: "203.0.113.7"}
	googleAPIs = peer{name: "Google APIs", address: "142.250.74.74"}
	metadata   = peer{name: "the metadata server", address: "169.254.169.254"}
	metadata1  = peer{name: "the metadata server of Dataplane V1", address: "169.254.169.252"}
	private    = peer{name: "a private address", address: "10.1.2.3"}
	stranger   = peer{name: "a pod of another namespace", namespace: "default", labels: map[string]string{nameLabel: "gateway", componentLabel: server}}
	dns        = peer{name: "DNS", namespace: "kube-system", labels: map[string]string{"k8s-app": "kube-dns"}}
	nodeDNS    = peer{name: "NodeLocal DNSCache", address: "169.254.20.10"}
	managed    = peer{name: "Managed Prometheus", namespace: "gmp-system", labels: map[string]string{nameLabel: "collector"}}
	operator   = peer{name: "Prometheus", namespace: "monitoring", labels: map[string]string{nameLabel: "prometheus"}}
)

var outside = []peer{internet, googleAPIs, metadata, metadata1, private, stranger, dns, nodeDNS, managed, operator}

func (o *objects) peers() (pods []peer) {
	for _, p := range o.pods() {
		name := p.Labels[nameLabel]
		if p.Labels[componentLabel] != server && p.Labels[componentLabel] != "emulator" {
			name += " " + p.Labels[componentLabel]
		}
		pods = append(pods, peer{name: name, namespace: "concha", labels: p.Labels, pod: &p})
	}
	return pods
}

// checkIngress holds the doors shut one by one: what a pod lets in does not
// depend on what others may send.
func (o *objects) checkIngress() (mistakes []string) {
	for _, p := range o.peers() {
		var welcome []string
		switch {
		case p.labels[componentLabel] == "emulator":
			welcome = []string{"accounts", "audios"}
		case p.labels[nameLabel] != "gateway":
			welcome = []string{"gateway"}
		default:
			continue // the public origin
		}
		for _, port := range p.pod.container().Ports {
			for _, from := range slices.Concat(o.peers(), outside) {
				if from.name == p.name || port.Name == "admin" || from.pod != nil && slices.Contains(welcome, from.labels[nameLabel]) {
					continue
				}
				if o.permits(networkingv1.PolicyTypeIngress, p, from, port.ContainerPort) {
					mistakes = append(mistakes, fmt.Sprintf("%s lets %s in at %d", p.name, from.name, port.ContainerPort))
				}
			}
		}
	}
	return mistakes
}

// reach lists the connections that the network policies allow, as
// "from -> to:port", among the pods and the peers outside.
func (o *objects) reach() (allowed []string) {
	pods := o.peers()
	for _, from := range slices.Concat(pods, outside) {
		for _, to := range slices.Concat(pods, outside) {
			if from.pod == nil && to.pod == nil || from.name == to.name {
				continue
			}
			ports := []int32{53, 80, 443, 988, 8080}
			if to.pod != nil {
				ports = nil
				for _, p := range to.pod.container().Ports {
					ports = append(ports, p.ContainerPort)
				}
			}
			for _, port := range ports {
				if o.permits(networkingv1.PolicyTypeEgress, from, to, port) && o.permits(networkingv1.PolicyTypeIngress, to, from, port) {
					allowed = append(allowed, fmt.Sprintf("%s -> %s:%d", from.name, to.name, port))
				}
			}
		}
	}
	slices.Sort(allowed)
	return slices.Compact(allowed)
}

// permits reports whether the policies of p allow a connection with other, in
// one direction, to a port: of p at ingress, of other at egress. A pod that no
// policy of the direction selects is open.
func (o *objects) permits(direction networkingv1.PolicyType, p, other peer, port int32) bool {
	if p.pod == nil {
		return true
	}
	selected := false
	for _, policy := range o.networkPolicies {
		if !slices.Contains(policy.Spec.PolicyTypes, direction) || !selects(&policy.Spec.PodSelector, p.labels) {
			continue
		}
		selected = true
		if direction == networkingv1.PolicyTypeIngress {
			for _, rule := range policy.Spec.Ingress {
				if matchesPeer(rule.From, other) && matchesPort(rule.Ports, p, port) {
					return true
				}
			}
			continue
		}
		for _, rule := range policy.Spec.Egress {
			if matchesPeer(rule.To, other) && matchesPort(rule.Ports, other, port) {
				return true
			}
		}
	}
	return !selected
}

func matchesPeer(peers []networkingv1.NetworkPolicyPeer, p peer) bool {
	if len(peers) == 0 {
		return true
	}
	return slices.ContainsFunc(peers, func(rule networkingv1.NetworkPolicyPeer) bool {
		if rule.IPBlock != nil {
			return p.address != "" && inside(rule.IPBlock, p.address)
		}
		if p.namespace == "" {
			return false
		}
		if rule.NamespaceSelector == nil {
			return p.namespace == "concha" && selects(rule.PodSelector, p.labels)
		}
		return selects(rule.NamespaceSelector, map[string]string{corev1.LabelMetadataName: p.namespace}) &&
			(rule.PodSelector == nil || selects(rule.PodSelector, p.labels))
	})
}

func inside(block *networkingv1.IPBlock, address string) bool {
	in := func(cidr string) bool {
		prefix, err := netip.ParsePrefix(cidr)
		return err == nil && prefix.Contains(netip.MustParseAddr(address))
	}
	return in(block.CIDR) && !slices.ContainsFunc(block.Except, in)
}

// matchesPort resolves named ports at the pod that is connected to.
func matchesPort(ports []networkingv1.NetworkPolicyPort, to peer, port int32) bool {
	if len(ports) == 0 {
		return true
	}
	return slices.ContainsFunc(ports, func(rule networkingv1.NetworkPolicyPort) bool {
		if rule.Port == nil {
			return true
		}
		if name := rule.Port.StrVal; name != "" {
			return to.pod != nil && to.pod.port(name) == port
		}
		end := rule.Port.IntVal
		if rule.EndPort != nil {
			end = *rule.EndPort
		}
		return rule.Port.IntVal <= port && port <= end
	})
}

// everything is the selector of a policy for all pods.
func everything(s metav1.LabelSelector) bool {
	return len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}
