package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// request creates a resource at an emulator.
type request struct {
	method, url string
	body        map[string]any
}

// creation returns the request that creates a resource at the emulator of its
// API. There is none for resources of APIs without an emulator.
func creation(typ string, resource tftypes.Value) (r request, ok bool) {
	body, _ := toJSON(resource).(map[string]any)
	name, _ := body["name"].(string)
	instance, _ := body["instance"].(string)
	const project = "projects/my-project"
	pubsub, spanner := "http://"+os.Getenv("PUBSUB_EMULATOR_HOST")+"/v1/"+project, os.Getenv("SPANNER_EMULATOR_REST")+"/v1/"+project
	switch typ {
	case "google_pubsub_topic":
		return request{http.MethodPut, pubsub + "/topics/" + name, only(body, "messageStoragePolicy")}, true
	case "google_pubsub_subscription":
		// Without the retention, which the emulator still limits to 7 days.
		return request{http.MethodPut, pubsub + "/subscriptions/" + name, only(body,
			"topic", "enableMessageOrdering", "filter", "ackDeadlineSeconds", "deadLetterPolicy", "retryPolicy")}, true
	case "google_spanner_instance":
		created := only(body, "displayName", "processingUnits")
		created["config"] = project + "/instanceConfigs/emulator-config" // the only one that there is
		return request{http.MethodPost, spanner + "/instances", map[string]any{"instanceId": name, "instance": created}}, true
	case "google_spanner_database":
		return request{http.MethodPost, spanner + "/instances/" + instance + "/databases", map[string]any{"createStatement": "CREATE DATABASE `" + name + "`"}}, true
	case "google_storage_bucket":
		return request{http.MethodPost, os.Getenv("STORAGE_EMULATOR_HOST") + "/storage/v1/b?project=my-project", only(body, "name", "location")}, true
	}
	return request{}, false
}

func (r request) send(ctx context.Context) error {
	body, err := json.Marshal(r.body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusMultipleChoices {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s %s %s: %s: %s", r.method, r.url, body, res.Status, text)
	}
	return nil
}

func only(body map[string]any, names ...string) map[string]any {
	some := map[string]any{}
	for _, name := range names {
		if value, ok := body[name]; ok {
			some[name] = value
		}
	}
	return some
}

// toJSON converts a value to what the REST APIs take: names are in camel case,
// a block that stands once is an object, and what is null or empty is left out.
func toJSON(v tftypes.Value) any {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	switch t := v.Type(); {
	case t.Is(tftypes.String):
		var s string
		_ = v.As(&s)
		if s == "" {
			return nil
		}
		return s
	case t.Is(tftypes.Bool):
		var b bool
		_ = v.As(&b)
		return b
	case t.Is(tftypes.Number):
		n := new(big.Float)
		_ = v.As(&n)
		i, _ := n.Int64()
		return i
	case t.Is(tftypes.List{}), t.Is(tftypes.Set{}):
		var list []tftypes.Value
		_ = v.As(&list)
		var values []any
		for _, element := range list {
			values = append(values, toJSON(element))
		}
		switch {
		case len(values) == 0:
			return nil
		case len(values) == 1 && list[0].Type().Is(tftypes.Object{}):
			return values[0]
		}
		return values
	}
	var members map[string]tftypes.Value
	_ = v.As(&members)
	object := map[string]any{}
	for name, member := range members {
		if value := toJSON(member); value != nil {
			object[camelCase(name)] = value
		}
	}
	return object
}

func camelCase(name string) string {
	parts := strings.Split(name, "_")
	for i, part := range parts[1:] {
		parts[i+1] = strings.ToUpper(part[:1]) + part[1:]
	}
	return strings.Join(parts, "")
}
