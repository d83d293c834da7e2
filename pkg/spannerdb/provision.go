package spannerdb

import (
	"context"
	"fmt"
	"regexp"
	"time"

	database "cloud.google.com/go/spanner/admin/database/apiv1"
	"cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	instance "cloud.google.com/go/spanner/admin/instance/apiv1"
	"cloud.google.com/go/spanner/admin/instance/apiv1/instancepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Provisioned lists the full names of the resources that Provision created and
// of those that existed.
type Provisioned struct {
	Made, Found []string
}

var databaseName = regexp.MustCompile(`^(projects/([^/]+))/instances/([^/]+)/databases/([^/]+)$`)

// emulatorConfig is an instance configuration that only emulators have. It
// prevents the accidental creation of an instance that costs money.
const emulatorConfig = "emulator-config"

// reachTimeout is how long Provision waits for Spanner to become reachable.
const reachTimeout = time.Minute

// Provision creates an empty database with this name,
// projects/P/instances/I/databases/D, unless it exists. On an emulator it also
// creates the instance, which elsewhere must exist. Idempotent. If Spanner
// cannot be reached, Provision waits for up to a minute.
func Provision(ctx context.Context, name string, options ...option.ClientOption) (Provisioned, error) {
	parts := databaseName.FindStringSubmatch(name)
	if parts == nil {
		return Provisioned{}, fmt.Errorf("provision: %q is not of the form projects/P/instances/I/databases/D", name)
	}
	options = append([]option.ClientOption{reconnectSoon}, options...)
	databases, err := database.NewDatabaseAdminClient(ctx, options...)
	if err != nil {
		return Provisioned{}, fmt.Errorf("provision: %w", err)
	}
	defer func() { _ = databases.Close() }()
	instances, err := instance.NewInstanceAdminClient(ctx, options...)
	if err != nil {
		return Provisioned{}, fmt.Errorf("provision: %w", err)
	}
	defer func() { _ = instances.Close() }()
	p := provisioner{databases: databases, instances: instances, project: parts[1], instanceID: parts[3], databaseID: parts[4]}
	err = p.provision(ctx)
	if err == nil {
		err = p.ready(ctx)
	}
	if err != nil {
		return p.report, fmt.Errorf("provision %s: %w", name, err)
	}
	return p.report, nil
}

type provisioner struct {
	databases *database.DatabaseAdminClient
	instances *instance.InstanceAdminClient

	project, instanceID, databaseID string
	report                          Provisioned
}

func (p *provisioner) instanceName() string { return p.project + "/instances/" + p.instanceID }

func (p *provisioner) databaseName() string { return p.instanceName() + "/databases/" + p.databaseID }

// provision makes only the calls that it needs, because each requires a
// permission of its own.
func (p *provisioner) provision(ctx context.Context) error {
	reached, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	_, err := p.databases.GetDatabase(reached, &databasepb.GetDatabaseRequest{Name: p.databaseName()})
	if err == nil {
		p.report.Found = append(p.report.Found, p.instanceName(), p.databaseName())
		return nil
	}
	if status.Code(err) != codes.NotFound {
		return err
	}
	err = p.createDatabase(ctx)
	if status.Code(err) == codes.NotFound {
		if err := p.createInstance(ctx); err != nil {
			return fmt.Errorf("there is no such instance; create it first, as in: gcloud spanner instances create %s"+
				" --project=... --config=regional-... --processing-units=100 --description=...: %w", p.instanceID, err)
		}
		return p.createDatabase(ctx)
	}
	if err == nil {
		p.report.Found = append([]string{p.instanceName()}, p.report.Found...)
	}
	return err
}

// ready waits until a database that another process is creating can be used.
func (p *provisioner) ready(ctx context.Context) error {
	for {
		db, err := p.databases.GetDatabase(ctx, &databasepb.GetDatabaseRequest{Name: p.databaseName()})
		if err != nil || db.GetState() != databasepb.Database_CREATING {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *provisioner) createDatabase(ctx context.Context) error {
	op, err := p.databases.CreateDatabase(ctx, &databasepb.CreateDatabaseRequest{
		Parent: p.instanceName(), CreateStatement: "CREATE DATABASE `" + p.databaseID + "`",
	})
	if err == nil {
		_, err = op.Wait(ctx)
	}
	return p.note(p.databaseName(), err)
}

func (p *provisioner) createInstance(ctx context.Context) error {
	op, err := p.instances.CreateInstance(ctx, &instancepb.CreateInstanceRequest{
		Parent: p.project, InstanceId: p.instanceID,
		Instance: &instancepb.Instance{Config: p.project + "/instanceConfigs/" + emulatorConfig, DisplayName: p.instanceID, NodeCount: 1},
	})
	if err == nil {
		_, err = op.Wait(ctx)
	}
	return p.note(p.instanceName(), err)
}

// note records the outcome of creating name.
func (p *provisioner) note(name string, err error) error {
	switch status.Code(err) {
	case codes.OK:
		p.report.Made = append(p.report.Made, name)
		return nil
	case codes.AlreadyExists: // another process was faster
		p.report.Found = append(p.report.Found, name)
		return nil
	default:
		return err
	}
}
