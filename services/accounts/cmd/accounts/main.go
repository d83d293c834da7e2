// Command accounts runs the accounts service as a process of its own.
package main

import (
	"github.com/concha-labs/backend/pkg/process"
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/embedded"
	"github.com/concha-labs/backend/services/accounts/gcp"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/spannerstore"
)

func main() {
	process.Run(process.Service[accounts.Config, accounts.Handler]{
		Name: "accounts", About: "keeps accounts and tells of their changes",
		Embedded: embedded.Adapters(), GCP: gcp.Adapters(), Schema: spannerstore.Schema(),
		Module: accounts.Module, Adopt: accounts.Adopt,
	})
}
