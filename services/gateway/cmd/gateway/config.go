package main

import (
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway"
	"github.com/concha-labs/backend/services/gateway/internal/edge"
)

type config struct {
	settings.Process
	settings.Admin
	settings.Traces
	gateway.Config

	Accounts edge.Addresses `env:"CONCHA_ACCOUNTS_URL,required" desc:"address of the accounts service, such as http://accounts:8080; several are separated by commas"`
	Audios   edge.Addresses `env:"CONCHA_AUDIOS_URL,required" desc:"address of the audios service; several are separated by commas"`
}
