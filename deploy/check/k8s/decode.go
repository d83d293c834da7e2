package k8s

import (
	"fmt"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	// The kinds that the scheme knows, with their defaults.
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	autoscalingvalidation "k8s.io/kubernetes/pkg/apis/autoscaling/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/yaml"
)

// objects are those of one overlay, decoded and with their defaults.
type objects struct {
	namespaces      []*corev1.Namespace
	accounts        map[string]*corev1.ServiceAccount
	services        map[string]*corev1.Service
	configMaps      map[string]*corev1.ConfigMap
	deployments     map[string]*appsv1.Deployment
	jobs            map[string]*batchv1.Job
	scalers         map[string]*autoscalingv2.HorizontalPodAutoscaler
	budgets         map[string]*policyv1.PodDisruptionBudget
	networkPolicies []*networkingv1.NetworkPolicy
	monitors        []monitor
	rules           []*monitoringv1.PrometheusRule
	gateways        map[string]*gatewayv1.Gateway
	routes          []*gatewayv1.HTTPRoute
	healthChecks    []*healthCheckPolicy
}

// monitor is which pods are scraped at which of their ports.
type monitor struct {
	name     string
	selector metav1.LabelSelector
	ports    []string
	paths    []string
}

// The part of GKE's own kinds that is used here; their modules are not published.
type (
	podMonitoring struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Selector  metav1.LabelSelector `json:"selector"`
			Endpoints []struct {
				Port     string `json:"port"`
				Path     string `json:"path"`
				Interval string `json:"interval"`
			} `json:"endpoints"`
		} `json:"spec"`
	}
	healthCheckPolicy struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Default struct {
				CheckIntervalSec   int `json:"checkIntervalSec"`
				TimeoutSec         int `json:"timeoutSec"`
				HealthyThreshold   int `json:"healthyThreshold"`
				UnhealthyThreshold int `json:"unhealthyThreshold"`
				Config             struct {
					Type            string `json:"type"`
					HTTPHealthCheck struct {
						Port        int32  `json:"port"`
						RequestPath string `json:"requestPath"`
					} `json:"httpHealthCheck"`
				} `json:"config"`
			} `json:"default"`
			TargetRef struct {
				Group string `json:"group"`
				Kind  string `json:"kind"`
				Name  string `json:"name"`
			} `json:"targetRef"`
		} `json:"spec"`
	}
)

var strict = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// decode decodes all objects strictly, as an API server with
// --validate=strict, and returns what is wrong with each by itself.
func decode(resources []*resource.Resource) (o *objects, mistakes []string) {
	o = &objects{
		accounts: map[string]*corev1.ServiceAccount{}, services: map[string]*corev1.Service{},
		configMaps: map[string]*corev1.ConfigMap{}, deployments: map[string]*appsv1.Deployment{},
		jobs: map[string]*batchv1.Job{}, scalers: map[string]*autoscalingv2.HorizontalPodAutoscaler{},
		budgets: map[string]*policyv1.PodDisruptionBudget{}, gateways: map[string]*gatewayv1.Gateway{},
	}
	for _, r := range resources {
		id := r.GetKind() + " " + r.GetName()
		if r.GetKind() != "Namespace" && r.GetNamespace() != "concha" {
			mistakes = append(mistakes, id+" is not in the namespace concha")
		}
		document, err := r.AsYAML()
		if err == nil {
			err = o.add(r.GetApiVersion(), r.GetKind(), document)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Sprintf("%s: %v", id, err))
		}
	}
	return o, mistakes
}

func (o *objects) add(version, kind string, document []byte) error {
	switch kind {
	case "PodMonitor":
		m := &monitoringv1.PodMonitor{}
		if err := custom(document, m, version, "monitoring.coreos.com/v1"); err != nil {
			return err
		}
		found := monitor{name: m.Name, selector: m.Spec.Selector}
		for _, e := range m.Spec.PodMetricsEndpoints {
			found.ports, found.paths = append(found.ports, *e.Port), append(found.paths, e.Path)
		}
		o.monitors = append(o.monitors, found)
	case "PodMonitoring":
		m := &podMonitoring{}
		if err := custom(document, m, version, "monitoring.googleapis.com/v1"); err != nil {
			return err
		}
		found := monitor{name: m.Name, selector: m.Spec.Selector}
		for _, e := range m.Spec.Endpoints {
			found.ports, found.paths = append(found.ports, e.Port), append(found.paths, e.Path)
		}
		o.monitors = append(o.monitors, found)
	case "PrometheusRule":
		r := &monitoringv1.PrometheusRule{}
		o.rules = append(o.rules, r)
		return custom(document, r, version, "monitoring.coreos.com/v1")
	case "Gateway":
		g := &gatewayv1.Gateway{}
		err := custom(document, g, version, "gateway.networking.k8s.io/v1")
		o.gateways[g.Name] = g
		return err
	case "HTTPRoute":
		r := &gatewayv1.HTTPRoute{}
		o.routes = append(o.routes, r)
		return custom(document, r, version, "gateway.networking.k8s.io/v1")
	case "HealthCheckPolicy":
		p := &healthCheckPolicy{}
		o.healthChecks = append(o.healthChecks, p)
		return custom(document, p, version, "networking.gke.io/v1")
	default:
		return o.builtin(document)
	}
	return nil
}

// custom decodes an object of a custom resource, with unknown fields refused.
func custom(document []byte, into any, version, want string) error {
	if version != want {
		return fmt.Errorf("the version is %s, not %s", version, want)
	}
	return yaml.UnmarshalStrict(document, into)
}

func (o *objects) builtin(document []byte) error {
	object, kind, err := strict.Decode(document, nil, nil)
	if err != nil {
		return err
	}
	if job, ok := object.(*batchv1.Job); ok { // as the API server does at creation
		job.UID = "1"
		job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{batchv1.ControllerUidLabel: "1"}}
		for label, value := range map[string]string{
			batchv1.ControllerUidLabel: "1", "controller-uid": "1", batchv1.JobNameLabel: job.Name, "job-name": job.Name,
		} {
			job.Spec.Template.Labels[label] = value
		}
	}
	legacyscheme.Scheme.Default(object)
	internal, err := legacyscheme.Scheme.ConvertToVersion(object, schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal})
	if err != nil {
		return err
	}
	if errs := validate(internal); len(errs) > 0 {
		return errs.ToAggregate()
	}
	switch v := object.(type) {
	case *corev1.Namespace:
		o.namespaces = append(o.namespaces, v)
	case *corev1.ServiceAccount:
		o.accounts[v.Name] = v
	case *corev1.Service:
		o.services[v.Name] = v
	case *corev1.ConfigMap:
		o.configMaps[v.Name] = v
	case *appsv1.Deployment:
		o.deployments[v.Name] = v
	case *batchv1.Job:
		o.jobs[v.Name] = v
	case *autoscalingv2.HorizontalPodAutoscaler:
		o.scalers[v.Name] = v
	case *policyv1.PodDisruptionBudget:
		o.budgets[v.Name] = v
	case *networkingv1.NetworkPolicy:
		o.networkPolicies = append(o.networkPolicies, v)
	}
	return nil
}

// validate is what the API server does before it stores a new object.
func validate(object runtime.Object) field.ErrorList {
	switch v := object.(type) {
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(v, corevalidation.PodValidationOptions{})
	case *batch.Job:
		return batchvalidation.ValidateJob(v, batchvalidation.JobValidationOptions{RequirePrefixedLabels: true})
	case *core.Service:
		return corevalidation.ValidateServiceCreate(v)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(v)
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(v)
	case *core.Namespace:
		return corevalidation.ValidateNamespace(v)
	case *autoscaling.HorizontalPodAutoscaler:
		return autoscalingvalidation.ValidateHorizontalPodAutoscaler(v, autoscalingvalidation.HorizontalPodAutoscalerSpecValidationOptions{MinReplicasLowerBound: 1})
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(v, networkingvalidation.NetworkPolicyValidationOptions{})
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(v, policyvalidation.PodDisruptionBudgetValidationOptions{})
	}
	return field.ErrorList{field.InternalError(nil, fmt.Errorf("no rule for %T: add one to this check", object))}
}
