// Command provider stands in for Terraform's google provider in tests: it has the
// schema of the real one, from the file in GOOGLE_SCHEMA, so that terraform init,
// validate, plan and test work without credentials. It makes nothing.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type attr struct {
	Type                         json.RawMessage
	Required, Optional, Computed bool
}
type nested struct {
	NestingMode string `json:"nesting_mode"`
	MinItems    int64  `json:"min_items"`
	MaxItems    int64  `json:"max_items"`
	Block       block
}
type block struct {
	Attributes map[string]attr
	BlockTypes map[string]nested `json:"block_types"`
}
type top struct {
	Version int64
	Block   block
}
type schemas struct {
	Provider  top
	Resources map[string]top `json:"resource_schemas"`
	Data      map[string]top `json:"data_source_schemas"`
}

func typeOf(r json.RawMessage) tftypes.Type {
	t, err := tftypes.ParseJSONType(r) //nolint:staticcheck // the form of the schema
	if err != nil {
		panic(err)
	}
	return t
}

func (b block) proto() *tfprotov5.SchemaBlock {
	out := &tfprotov5.SchemaBlock{}
	for name, a := range b.Attributes {
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{Name: name, Type: typeOf(a.Type), Required: a.Required, Optional: a.Optional, Computed: a.Computed})
	}
	modes := map[string]tfprotov5.SchemaNestedBlockNestingMode{"list": tfprotov5.SchemaNestedBlockNestingModeList, "set": tfprotov5.SchemaNestedBlockNestingModeSet, "single": tfprotov5.SchemaNestedBlockNestingModeSingle}
	for name, n := range b.BlockTypes {
		inner := n.Block.proto()
		if n.NestingMode == "set" || n.NestingMode == "single" {
			for _, a := range inner.Attributes {
				a.Computed = false // not allowed to be left to the provider there
			}
		}
		out.BlockTypes = append(out.BlockTypes, &tfprotov5.SchemaNestedBlock{TypeName: name, Nesting: modes[n.NestingMode], MinItems: n.MinItems, MaxItems: n.MaxItems, Block: inner})
	}
	return out
}

type server struct {
	tfprotov5.ProviderServer // what is not here is not asked for
	s                        schemas
	proto                    *tfprotov5.GetProviderSchemaResponse
}

func newServer() *server {
	s := &server{}
	raw, err := os.ReadFile(os.Getenv("GOOGLE_SCHEMA"))
	if err == nil {
		err = json.Unmarshal(raw, &s.s)
	}
	if err != nil {
		panic(err)
	}
	s.proto = &tfprotov5.GetProviderSchemaResponse{Provider: &tfprotov5.Schema{Block: s.s.Provider.Block.proto()}, ResourceSchemas: map[string]*tfprotov5.Schema{}, DataSourceSchemas: map[string]*tfprotov5.Schema{}}
	for n, t := range s.s.Resources {
		s.proto.ResourceSchemas[n] = &tfprotov5.Schema{Block: t.Block.proto()}
	}
	for n, t := range s.s.Data {
		s.proto.DataSourceSchemas[n] = &tfprotov5.Schema{Block: t.Block.proto()}
	}
	return s
}

func (s *server) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	r := &tfprotov5.GetMetadataResponse{}
	for n := range s.s.Resources {
		r.Resources = append(r.Resources, tfprotov5.ResourceMetadata{TypeName: n})
	}
	for n := range s.s.Data {
		r.DataSources = append(r.DataSources, tfprotov5.DataSourceMetadata{TypeName: n})
	}
	return r, nil
}

func (s *server) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return s.proto, nil
}

func (s *server) GetResourceIdentitySchemas(context.Context, *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov5.GetResourceIdentitySchemasResponse{}, nil
}

func (s *server) PrepareProviderConfig(_ context.Context, r *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: r.Config}, nil
}

func (s *server) ConfigureProvider(context.Context, *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	return &tfprotov5.ConfigureProviderResponse{}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

func (s *server) ValidateResourceTypeConfig(context.Context, *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	return &tfprotov5.ValidateResourceTypeConfigResponse{}, nil
}

func (s *server) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (s *server) UpgradeResourceState(_ context.Context, r *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	t := s.proto.ResourceSchemas[r.TypeName].ValueType()
	v, err := r.RawState.Unmarshal(t)
	if err != nil {
		return nil, err
	}
	d, err := tfprotov5.NewDynamicValue(t, v)
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: &d}, err
}

func (s *server) ReadResource(_ context.Context, r *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	return &tfprotov5.ReadResourceResponse{NewState: r.CurrentState}, nil
}

func (s *server) PlanResourceChange(_ context.Context, r *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	t := s.proto.ResourceSchemas[r.TypeName].ValueType()
	proposed, err := r.ProposedNewState.Unmarshal(t)
	if err != nil {
		return nil, err
	}
	prior, err := r.PriorState.Unmarshal(t)
	if err != nil {
		return nil, err
	}
	if !proposed.IsNull() && prior.IsNull() {
		attrs := s.s.Resources[r.TypeName].Block.Attributes
		proposed, err = tftypes.Transform(proposed, func(p *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
			if steps := p.Steps(); len(steps) == 1 && v.IsNull() {
				if name, ok := steps[0].(tftypes.AttributeName); ok && attrs[string(name)].Computed {
					if known := derived(r.TypeName, string(name), proposed); known != "" {
						return tftypes.NewValue(v.Type(), known), nil
					}
					return tftypes.NewValue(v.Type(), tftypes.UnknownValue), nil
				}
			}
			return v, nil
		})
		if err != nil {
			return nil, err
		}
	}
	d, err := tfprotov5.NewDynamicValue(t, proposed)
	return &tfprotov5.PlanResourceChangeResponse{PlannedState: &d}, err
}

// derived is the value of an attribute that the real provider knows in a plan.
func derived(typ, name string, resource tftypes.Value) string {
	var attributes map[string]tftypes.Value
	if err := resource.As(&attributes); err != nil {
		return ""
	}
	text := func(name string) (s string) {
		if v := attributes[name]; v.IsKnown() && !v.IsNull() {
			_ = v.As(&s)
		}
		return s
	}
	switch typ + "." + name {
	case "google_service_account.email":
		return text("account_id") + "@my-project.iam.gserviceaccount.com"
	case "google_service_account.member":
		return "serviceAccount:" + text("account_id") + "@my-project.iam.gserviceaccount.com"
	case "google_pubsub_topic.id":
		return "projects/my-project/topics/" + text("name")
	}
	return ""
}

func made(typ string) func(p *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
	return func(p *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if v.IsKnown() {
			return v, nil
		}
		name := ""
		if steps := p.Steps(); len(steps) > 0 {
			if n, ok := steps[len(steps)-1].(tftypes.AttributeName); ok {
				name = string(n)
			}
		}
		switch {
		case v.Type().Is(tftypes.String):
			return tftypes.NewValue(v.Type(), typ+"."+name), nil
		case v.Type().Is(tftypes.Number):
			return tftypes.NewValue(v.Type(), 0), nil
		case v.Type().Is(tftypes.Bool):
			return tftypes.NewValue(v.Type(), false), nil
		}
		return tftypes.NewValue(v.Type(), nil), nil
	}
}

func (s *server) ApplyResourceChange(ctx context.Context, r *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	t := s.proto.ResourceSchemas[r.TypeName].ValueType()
	v, err := r.PlannedState.Unmarshal(t)
	if err != nil {
		return nil, err
	}
	if v, err = tftypes.Transform(v, made(r.TypeName)); err != nil {
		return nil, err
	}
	if create, ok := creation(r.TypeName, v); ok {
		if err := create.send(ctx); err != nil {
			return nil, err
		}
	}
	d, err := tfprotov5.NewDynamicValue(t, v)
	return &tfprotov5.ApplyResourceChangeResponse{NewState: &d}, err
}

func (s *server) ReadDataSource(_ context.Context, r *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	t := s.proto.DataSourceSchemas[r.TypeName].ValueType()
	v, err := r.Config.Unmarshal(t)
	if err != nil {
		return nil, err
	}
	attrs := s.s.Data[r.TypeName].Block.Attributes
	v, err = tftypes.Transform(v, func(p *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if steps := p.Steps(); len(steps) == 1 && v.IsNull() {
			if name, ok := steps[0].(tftypes.AttributeName); ok && attrs[string(name)].Computed && v.Type().Is(tftypes.String) {
				return tftypes.NewValue(v.Type(), r.TypeName+"."+string(name)), nil
			}
		}
		return v, nil
	})
	if err != nil {
		return nil, err
	}
	d, err := tfprotov5.NewDynamicValue(t, v)
	return &tfprotov5.ReadDataSourceResponse{State: &d}, err
}

func main() {
	s := newServer()
	if err := tf5server.Serve("registry.terraform.io/hashicorp/google", func() tfprotov5.ProviderServer { return s }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
