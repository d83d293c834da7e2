package main

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/callerjwt"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway"
	"github.com/concha-labs/backend/services/gateway/internal/edge"
	"github.com/concha-labs/backend/services/gateway/internal/googleid"
)

type config struct {
	settings.Process
	settings.Admin
	settings.Traces
	gateway.Config

	Auth         gateway.AuthMode     `env:"CONCHA_AUTH" envDefault:"required" desc:"required: requests need credentials; none: everybody may do everything"`
	CallerKey    callerjwt.PrivateKey `env:"CONCHA_GATEWAY_KEY_FILE" desc:"file with the Ed25519 private key in PEM that the gateway signs callers with, for services that have its public key"`
	UpstreamAuth upstreamAuth         `env:"CONCHA_UPSTREAM_AUTH" desc:"google-id-token: send a Google identity token to the services, as Cloud Run asks for; default: none"`

	Accounts edge.Addresses `env:"CONCHA_ACCOUNTS_URL,required" desc:"address of the accounts service, such as http://accounts:8080; several are separated by commas"`
	Audios   edge.Addresses `env:"CONCHA_AUDIOS_URL,required" desc:"address of the audios service; several are separated by commas"`
}

// gateway returns the settings of the gateway itself.
func (c config) gateway() gateway.Config { return c.Config.On(c.Listen, c.Auth) }

// Validate implements settings.Validator.
func (c config) Validate() []settings.Problem { return c.gateway().Access.Problems() }

// upstreams returns proxies to the services that tell them who asks.
func (c config) upstreams() (gateway.Upstreams, error) {
	var introduce []func(service string) edge.Introduction
	if c.CallerKey.PrivateKey != nil {
		signer, err := callerjwt.NewSigner(c.CallerKey)
		if err != nil {
			return gateway.Upstreams{}, err
		}
		introduce = append(introduce, func(service string) edge.Introduction { return signed(signer, service) })
	}
	if c.UpstreamAuth == googleIDToken {
		tokens := googleid.New()
		introduce = append(introduce, func(string) edge.Introduction { return tokens.Add })
	}
	proxy := func(service string, addresses edge.Addresses) http.Handler {
		introductions := make([]edge.Introduction, len(introduce))
		for i, of := range introduce {
			introductions[i] = of(service)
		}
		return edge.NewProxy(service, addresses, introductions...)
	}
	return gateway.Upstreams{Accounts: proxy("accounts", c.Accounts), Audios: proxy("audios", c.Audios)}, nil
}

// signed adds the caller of a request, signed for a service.
func signed(signer *callerjwt.Signer, service string) edge.Introduction {
	return func(r *http.Request) error {
		token, err := signer.Token(caller.From(r.Context()), service)
		if err == nil {
			r.Header[callerjwt.Header] = []string{token}
		}
		return err
	}
}

// warn logs that there is no access control.
func (c config) warn(log *zap.Logger) {
	if c.Auth != gateway.AuthRequired {
		log.Warn("CONCHA_AUTH is none: everybody who reaches this process may do everything")
	}
}

// upstreamAuth is the value of CONCHA_UPSTREAM_AUTH.
type upstreamAuth string

const googleIDToken upstreamAuth = "google-id-token"

// UnmarshalText accepts none and google-id-token.
func (a *upstreamAuth) UnmarshalText(text []byte) error {
	switch upstreamAuth(text) {
	case "none":
		*a = ""
	case googleIDToken:
		*a = googleIDToken
	default:
		return errors.New("must be none or google-id-token")
	}
	return nil
}
