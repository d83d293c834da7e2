package k8s

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

// check returns the mistakes in an overlay, and who may reach whom in it.
func check(files filesys.FileSystem, overlay string, programs map[string]repo.Program) (mistakes, reach []string) {
	resources, err := build(files, "/overlays/"+overlay)
	if err != nil {
		return []string{err.Error()}, nil
	}
	o, mistakes := decode(resources)
	if len(mistakes) > 0 {
		return mistakes, nil
	}
	for _, rule := range []func() []string{
		func() []string { return o.checkPods(programs) },
		o.checkNamespace, o.checkServices, o.checkScaling, o.checkMonitors, o.checkRoutes, o.checkJobs, o.checkIngress,
	} {
		mistakes = append(mistakes, rule()...)
	}
	return mistakes, o.reach()
}

func (o *objects) checkNamespace() (mistakes []string) {
	if len(o.namespaces) != 1 || o.namespaces[0].Name != "concha" ||
		o.namespaces[0].Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		mistakes = append(mistakes, "the namespace concha does not enforce Pod Security restricted")
	}
	if !slices.ContainsFunc(o.networkPolicies, func(p *networkingv1.NetworkPolicy) bool {
		return everything(p.Spec.PodSelector) && len(p.Spec.PolicyTypes) == 2 && len(p.Spec.Ingress)+len(p.Spec.Egress) == 0
	}) {
		mistakes = append(mistakes, "no network policy denies everything")
	}
	for _, p := range o.networkPolicies {
		if !slices.ContainsFunc(o.pods(), func(pod pod) bool { return selects(&p.Spec.PodSelector, pod.Labels) }) {
			mistakes = append(mistakes, fmt.Sprintf("NetworkPolicy %s selects no pod", p.Name))
		}
	}
	return mistakes
}

// checkServices holds each service to the pods of its name.
func (o *objects) checkServices() (mistakes []string) {
	for _, p := range o.pods() {
		if component := p.Labels[componentLabel]; (component == server || component == "emulator") && o.services[p.Labels[nameLabel]] == nil {
			mistakes = append(mistakes, p.id+" has no Service")
		}
	}
	for name, service := range o.services {
		report := func(format string, args ...any) {
			mistakes = append(mistakes, "Service "+name+": "+fmt.Sprintf(format, args...))
		}
		if service.Spec.Type != "ClusterIP" {
			report("its type is %s: a Gateway is what publishes", service.Spec.Type)
		}
		found := false
		for _, p := range o.pods() {
			if !contains(p.Labels, service.Spec.Selector) {
				continue
			}
			found = true
			if p.Labels[nameLabel] != name {
				report("it selects %s", p.id)
			}
			for _, port := range service.Spec.Ports {
				target := port.TargetPort.IntVal
				if port.TargetPort.Type == intstr.String {
					target = p.port(port.TargetPort.StrVal)
				}
				if target == 0 || !slices.ContainsFunc(p.container().Ports, func(c containerPort) bool { return c.ContainerPort == target }) {
					report("no port %s of %s", port.TargetPort.String(), p.id)
				}
			}
		}
		if !found || len(service.Spec.Selector) == 0 {
			report("it selects no pod")
		}
	}
	return mistakes
}

// checkScaling wants 2 to 16 replicas of each program, of which one at a time
// may be away.
func (o *objects) checkScaling() (mistakes []string) {
	for _, name := range programNames {
		report := func(format string, args ...any) {
			mistakes = append(mistakes, name+": "+fmt.Sprintf(format, args...))
		}
		deployment, scaler, budget := o.deployments[name], o.scalers[name], o.budgets[name]
		if deployment == nil || scaler == nil || budget == nil {
			report("there is no Deployment, HorizontalPodAutoscaler or PodDisruptionBudget")
			continue
		}
		rolling := deployment.Spec.Strategy.RollingUpdate
		if rolling == nil || rolling.MaxUnavailable.String() != "0" {
			report("a rolling update takes replicas away before their successors are ready")
		}
		if deployment.Spec.Replicas != nil && *deployment.Spec.Replicas != 1 {
			report("the Deployment has replicas, which its HorizontalPodAutoscaler is to choose")
		}
		if ref := scaler.Spec.ScaleTargetRef; ref.Kind != "Deployment" || ref.Name != name || ref.APIVersion != "apps/v1" {
			report("the HorizontalPodAutoscaler scales %s %s", ref.Kind, ref.Name)
		}
		if *scaler.Spec.MinReplicas != 2 || scaler.Spec.MaxReplicas != 16 {
			report("the HorizontalPodAutoscaler scales from %d to %d, not from 2 to 16", *scaler.Spec.MinReplicas, scaler.Spec.MaxReplicas)
		}
		for _, metric := range scaler.Spec.Metrics {
			if metric.Resource == nil || metric.Resource.Name != "cpu" || metric.Resource.Target.AverageUtilization == nil {
				report("the HorizontalPodAutoscaler does not go by the CPU")
			} else if percent := *metric.Resource.Target.AverageUtilization; percent < 40 || percent > 85 {
				report("the HorizontalPodAutoscaler aims at %d%% of the CPU", percent)
			}
		}
		if budget.Spec.MaxUnavailable == nil || budget.Spec.MaxUnavailable.String() != "1" || budget.Spec.MinAvailable != nil {
			report("the PodDisruptionBudget does not allow exactly one pod to be away")
		}
		for _, p := range o.pods() {
			if selects(budget.Spec.Selector, p.Labels) != (p.Labels[nameLabel] == name && p.Labels[componentLabel] == server) {
				report("the PodDisruptionBudget is not for the pods of %s", p.id)
			}
		}
	}
	return mistakes
}

// checkMonitors wants every server scraped at its admin port, and nothing else.
func (o *objects) checkMonitors() (mistakes []string) {
	for _, m := range o.monitors {
		for _, p := range o.pods() {
			if selects(&m.selector, p.Labels) != (p.Labels[componentLabel] == server) {
				mistakes = append(mistakes, fmt.Sprintf("%s: whether %s is scraped is wrong", m.name, p.id))
			}
		}
		if !slices.Equal(m.ports, []string{"admin"}) || !slices.Equal(m.paths, []string{"/metrics"}) {
			mistakes = append(mistakes, fmt.Sprintf("%s scrapes %v of the ports %v", m.name, m.paths, m.ports))
		}
	}
	return mistakes
}

// checkRoutes wants what a Gateway publishes to be the gateway over TLS, at the
// host of CONCHA_PUBLIC_URL.
func (o *objects) checkRoutes() (mistakes []string) {
	report := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	var public string
	for _, c := range o.configMaps {
		if url, ok := c.Data["CONCHA_PUBLIC_URL"]; ok {
			public = url
		}
	}
	for _, r := range o.routes {
		for _, host := range r.Spec.Hostnames {
			if "https://"+string(host) != public {
				report("HTTPRoute %s is for %s, CONCHA_PUBLIC_URL is %s", r.Name, host, public)
			}
		}
		for _, parent := range r.Spec.ParentRefs {
			gateway := o.gateways[string(parent.Name)]
			if gateway == nil || parent.SectionName == nil {
				report("HTTPRoute %s: no listener of %s", r.Name, parent.Name)
				continue
			}
			for _, l := range gateway.Spec.Listeners {
				if l.Name != *parent.SectionName {
					continue
				}
				if plain := l.Protocol == "HTTP"; plain != routeRedirects(r) {
					report("HTTPRoute %s: requests without TLS are to be redirected, and others not", r.Name)
				}
			}
		}
		for _, rule := range r.Spec.Rules {
			for _, backend := range rule.BackendRefs {
				service := o.services[string(backend.Name)]
				if backend.Name != "gateway" || service == nil || backend.Port == nil || service.Spec.Ports[0].Port != *backend.Port {
					report("HTTPRoute %s publishes %s, not the port of gateway", r.Name, backend.Name)
				}
			}
		}
	}
	for _, c := range o.healthChecks {
		check := c.Spec.Default.Config.HTTPHealthCheck
		if o.services[c.Spec.TargetRef.Name] == nil || check.Port != 8080 || check.RequestPath != "/readyz" {
			report("HealthCheckPolicy %s asks for %s at %d of %s", c.Name, check.RequestPath, check.Port, c.Spec.TargetRef.Name)
		}
	}
	if len(o.gateways) > 0 && len(o.routes) < 2 {
		report("the Gateway has no route for TLS and for the redirection to it")
	}
	return mistakes
}

// checkJobs wants the data of each service to be prepared.
func (o *objects) checkJobs() (mistakes []string) {
	for _, name := range []string{"accounts", "audios"} {
		if o.jobs[name+"-migrate"] == nil && o.jobs[name+"-provision"] == nil {
			mistakes = append(mistakes, "no Job prepares the data of "+name)
		}
	}
	for name, job := range o.jobs {
		if len(job.Spec.Template.Spec.Containers[0].Args) != 1 || job.Spec.TTLSecondsAfterFinished == nil {
			mistakes = append(mistakes, "Job "+name+" runs no command, or stays when it has finished, in the way of the next")
		}
	}
	return mistakes
}

type containerPort = corev1.ContainerPort

func contains(set, subset map[string]string) bool {
	for key, value := range subset {
		if set[key] != value {
			return false
		}
	}
	return true
}

func routeRedirects(r *gatewayv1.HTTPRoute) bool {
	return slices.ContainsFunc(r.Spec.Rules, func(rule gatewayv1.HTTPRouteRule) bool {
		return slices.ContainsFunc(rule.Filters, func(f gatewayv1.HTTPRouteFilter) bool { return f.RequestRedirect != nil })
	})
}
