package cloudrun

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"google.golang.org/api/run/v1"
)

// fake stands in for Google's APIs. It is an HTTP proxy, so that gcloud may put
// a region before the name of a host.
type fake struct {
	url string

	mu       sync.Mutex
	calls    []string                // method, host and path
	services map[string]*run.Service // of Cloud Run, by name
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{services: map[string]*run.Service{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// environment returns the environment in which gcloud calls the fake.
func (f *fake) environment(t *testing.T) []string {
	t.Helper()
	proxy, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	config := t.TempDir()
	token := filepath.Join(config, "token")
	if err := os.WriteFile(token, []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(),
		"CLOUDSDK_CONFIG="+config, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE="+token, "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
		"CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API=false", "CLOUDSDK_CORE_CHECK_GCE_METADATA=false", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true",
		"CLOUDSDK_PROXY_TYPE=http", "CLOUDSDK_PROXY_ADDRESS="+proxy.Hostname(), "CLOUDSDK_PROXY_PORT="+proxy.Port())
	for api, path := range map[string]string{
		"run": "", "serviceusage": "", "spanner": "", "storage": "storage/v1/", "iam": "", "pubsub": "", "secretmanager": "",
		"artifactregistry": "", "cloudresourcemanager": "", "compute": "compute/v1/",
	} {
		env = append(env, fmt.Sprintf("CLOUDSDK_API_ENDPOINT_OVERRIDES_%s=http://%s.fake/%s", strings.ToUpper(api), api, path))
	}
	return env
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Host+r.URL.Path)
	status, answer := f.answer(r, body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// answer answers one call as the API does.
func (f *fake) answer(r *http.Request, body []byte) (status int, answer any) {
	api, path := strings.TrimSuffix(r.URL.Host[strings.LastIndex(r.URL.Host, "-")+1:], ".fake"), r.URL.Path
	var in map[string]any
	_ = json.Unmarshal(body, &in)
	done := map[string]any{"name": operation(api, path), "done": true, "status": "DONE", "response": map[string]any{"name": "made"}}
	switch {
	case strings.HasSuffix(path, ":getIamPolicy"), strings.HasSuffix(path, "/iam") && r.Method == http.MethodGet:
		return http.StatusOK, map[string]any{"etag": "ZQ==", "version": 1}
	case strings.HasSuffix(path, ":setIamPolicy"):
		return http.StatusOK, in["policy"]
	case strings.HasSuffix(path, "/iam"):
		return http.StatusOK, in
	case strings.Contains(path, "/operations/"):
		return http.StatusOK, done
	case api == "cloudresourcemanager":
		return http.StatusOK, map[string]any{"projectId": "my-project", "projectNumber": "123456789"}
	case api == "run":
		return f.run(r, body)
	case api == "compute" && r.Method != http.MethodGet:
		target := strings.TrimSuffix(path, "/setPrivateIpGoogleAccess")
		if name, ok := in["name"].(string); ok {
			target += "/" + name
		}
		started := map[string]any{"name": "1", "status": "DONE", "operationType": "insert", "targetLink": "http://compute.fake" + target}
		started["selfLink"] = "http://compute.fake" + scope.FindString(path) + "/operations/1"
		if strings.Contains(path, "/regions/") {
			started["region"] = "http://compute.fake" + scope.FindString(path)
		}
		return http.StatusOK, started
	case strings.HasSuffix(path, "/made"), strings.HasSuffix(path, "/repositories/concha"):
		return http.StatusOK, map[string]any{"name": strings.TrimPrefix(path, "/v1/")}
	case r.Method == http.MethodGet && api == "compute":
		return http.StatusOK, map[string]any{"name": "default", "fingerprint": "ZQ=="}
	case r.Method == http.MethodGet:
		return http.StatusNotFound, notFound
	case api == "storage", api == "iam", api == "pubsub", api == "secretmanager":
		if in == nil {
			in = map[string]any{}
		}
		if in["name"] == nil {
			in["name"] = "projects/my-project/secrets/made/versions/1"
		}
		in["clientSpecifiedPayloadChecksum"] = true
		in["email"] = "made@my-project.iam.gserviceaccount.com"
		return http.StatusOK, in
	}
	return http.StatusOK, done
}

// operation is the name of the operation that a call starts, which is done.
func operation(api, path string) string {
	path = strings.TrimPrefix(path, "/v1/")
	switch {
	case api == "spanner" && strings.HasSuffix(path, "/instances"):
		return path + "/concha/operations/1"
	case api == "spanner":
		return strings.TrimSuffix(path, "/ddl") + "/operations/1"
	case api == "artifactregistry":
		return strings.TrimSuffix(path, "/repositories") + "/operations/1"
	}
	return "operations/1"
}

// scope is the part of a path of Compute Engine that operations are in.
var scope = regexp.MustCompile(`^.*/(global|regions/[^/]+)`)

var notFound = map[string]any{"error": map[string]any{"code": http.StatusNotFound, "message": "not found", "status": "NOT_FOUND"}}

// run answers for Cloud Run, which decodes a service strictly.
func (f *fake) run(r *http.Request, body []byte) (status int, answer any) {
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if r.Method == http.MethodGet {
		if name == "revisions" {
			return http.StatusOK, map[string]any{"items": []any{}}
		}
		if s := f.services[name]; s != nil {
			return http.StatusOK, s
		}
		return http.StatusNotFound, notFound
	}
	var s run.Service
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return http.StatusBadRequest, map[string]any{"error": map[string]any{"code": http.StatusBadRequest, "message": err.Error(), "status": "INVALID_ARGUMENT"}}
	}
	s.Metadata.Generation++
	s.Status = &run.ServiceStatus{
		ObservedGeneration: s.Metadata.Generation, LatestReadyRevisionName: s.Metadata.Name + "-1", LatestCreatedRevisionName: s.Metadata.Name + "-1",
		Url: "https://" + s.Metadata.Name + "-x.a.run.app", Conditions: []*run.GoogleCloudRunV1Condition{{Type: "Ready", Status: "True"}},
		Traffic: []*run.TrafficTarget{{Percent: 100, RevisionName: s.Metadata.Name + "-1", LatestRevision: true}},
	}
	f.services[s.Metadata.Name] = &s
	return http.StatusOK, s
}
