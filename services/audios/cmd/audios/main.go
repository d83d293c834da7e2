// Command audios runs the audios service as a process of its own.
package main

import (
	"net/http"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/process"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/embedded"
	"github.com/concha-labs/backend/services/audios/gcp"
	"github.com/concha-labs/backend/services/audios/internal/adapters/spannerstore"
)

func main() {
	process.Run(process.Service[audios.Config, audios.Handler]{
		Name: "audios", About: "keeps audio sessions and tells of their changes",
		Embedded: embedded.Adapters(), GCP: gcp.Adapters(), Schema: spannerstore.Schema(),
		Module: audios.Module, Adopt: audios.Adopt,
	}, fx.Supply(fx.Annotate(http.DefaultTransport, fx.As(new(audios.AccountsTransport)))))
}
