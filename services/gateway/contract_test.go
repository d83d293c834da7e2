package gateway

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/pb33f/go-yaml"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/gateway/internal/access"
)

func loadContract(t *testing.T) (libopenapi.Document, *v3.Document) {
	t.Helper()
	document, err := libopenapi.NewDocument(contract)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	return document, &model.Model
}

func TestContractIsValid(t *testing.T) {
	document, _ := loadContract(t)
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, found := v.ValidateDocument(); !ok {
		for _, e := range found {
			t.Error(e, e.SchemaValidationErrors)
		}
	}
}

// operations yields each operation of the contract, such as "GET /ping".
func operations(model *v3.Document) func(yield func(string, *v3.Operation) bool) {
	return func(yield func(string, *v3.Operation) bool) {
		for path, item := range model.Paths.PathItems.FromOldest() {
			for method, op := range item.GetOperations().FromOldest() {
				if !yield(strings.ToUpper(method)+" "+path, op) {
					return
				}
			}
		}
	}
}

func TestEveryExampleMatchesItsSchema(t *testing.T) {
	_, model := loadContract(t)
	schemas := schema_validation.NewSchemaValidator(config.WithFormatAssertions())
	count := 0
	check := func(where string, schema *base.SchemaProxy, example *yaml.Node) {
		var value any
		if err := example.Decode(&value); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		count++
		if ok, errs := schemas.ValidateSchemaObjectWithVersion(schema.Schema(), value, 3.1); !ok {
			for _, e := range errs {
				t.Errorf("%s: %v %v", where, e, e.SchemaValidationErrors)
			}
		}
	}
	content := func(where string, content *orderedmap.Map[string, *v3.MediaType]) {
		for mediaType, m := range content.FromOldest() {
			for name, example := range m.Examples.FromOldest() {
				check(where+" "+mediaType+" "+name, m.Schema, example.Value)
			}
			if strings.HasSuffix(mediaType, "json") && m.Examples.Len() == 0 {
				t.Errorf("%s %s has no example", where, mediaType)
			}
		}
	}
	for name, op := range operations(model) {
		if op.RequestBody != nil {
			content(name, op.RequestBody.Content)
		}
		for status, response := range op.Responses.Codes.FromOldest() {
			content(name+" "+status, response.Content)
		}
	}
	for name, p := range model.Components.Parameters.FromOldest() {
		if p.Example != nil {
			check("parameter "+name, p.Schema, p.Example)
		}
	}
	for name, h := range model.Components.Headers.FromOldest() {
		check("header "+name, h.Schema, h.Example)
	}
	if count < 100 {
		t.Errorf("only %d examples were found", count)
	}
}

func TestEveryProblemOfTheContractExists(t *testing.T) {
	for _, part := range strings.Split(string(contract), "/problems/")[1:] {
		part = strings.TrimPrefix(part, "(")
		end := strings.IndexFunc(part, func(r rune) bool { return r != '-' && r != '|' && (r < 'a' || r > 'z') })
		for name := range strings.SplitSeq(part[:end], "|") {
			if _, ok := httpserver.LookupProblem(name); !ok && name != "" {
				t.Errorf("there is no problem %q", name)
			}
		}
	}
}

// engine returns the gateway's engine over two services.
func engine(t *testing.T, cfg Config, accounts, audios http.Handler) *gin.Engine {
	t.Helper()
	guard, err := access.New(cfg.Access, cfg.PublicURL, cfg.TrustedProxies.ClientAddress, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return newEngine(cfg, Upstreams{accounts, audios}, guard)
}

func TestContractHasTheRoutesOfTheGateway(t *testing.T) {
	_, model := loadContract(t)
	documented := map[string]bool{}
	for name, op := range operations(model) {
		documented[name] = true
		if op.Summary == "" || op.OperationId == "" || len(op.Tags) == 0 {
			t.Errorf("%s lacks a summary, an operationId or a tag", name)
		}
	}
	ofPage := []string{"/docs/init.js", "/docs/stream", "/docs/stream.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/console/*path"}
	served := map[string]bool{}
	for _, route := range engine(t, Config{Console: true}, http.NotFoundHandler(), http.NotFoundHandler()).Routes() {
		path := cmp.Or(strings.TrimSuffix(route.Path, "/"), "/")
		if slices.Contains(ofPage, path) {
			continue
		}
		var segments []string
		for segment := range strings.SplitSeq(path, "/") {
			if name, ok := strings.CutPrefix(segment, ":"); ok {
				segment = "{" + name + "}"
			}
			segments = append(segments, strings.ReplaceAll(segment, `\:`, ":"))
		}
		served[route.Method+" "+strings.Join(segments, "/")] = true
	}
	for name := range documented {
		if path, ok := strings.CutPrefix(name, http.MethodGet); ok {
			documented[http.MethodHead+path] = true
		}
	}
	if diff := gocmp.Diff(documented, served); diff != "" {
		t.Errorf("routes (-documented +served):\n%s", diff)
	}
}

func TestV1OfTheContractReachesTheServices(t *testing.T) {
	_, model := loadContract(t)
	var got string
	service := func(name string) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got = name })
	}
	h := engine(t, Config{}, service("accounts"), service("audios"))
	for name := range operations(model) {
		method, path, _ := strings.Cut(name, " ")
		segments := strings.Split(path, "/")
		if segments[1] != "v1" || path == "/v1/caller" {
			continue // answered by the gateway itself
		}
		got = ""
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, strings.ReplaceAll(strings.ReplaceAll(path, "{", ""), "}", ""), http.NoBody))
		if service, _, _ := strings.Cut(segments[2], ":"); got != service && (service != "events" || got != segments[3]) {
			t.Errorf("%s reaches %q", name, got)
		}
	}
}
