// Package audios is the audios service.
package audios

import (
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/settings"
)

// Config holds the settings of the service.
type Config struct {
	settings.Storage
	PublicURL                 settings.Origin `env:"CONCHA_PUBLIC_URL" envDefault:"http://localhost:8080" desc:"origin under which clients reach the API, such as https://api.example.com: ce-dataschema of published events begins with it"`
	EventsTopic               string          `env:"CONCHA_EVENTS_TOPIC" envDefault:"audio-events-v1" desc:"the topic that events are published to"`
	Subscription              string          `env:"CONCHA_AUDIO_EVENTS_SUBSCRIPTION" envDefault:"audios-self" desc:"the service's own subscription to that topic"`
	AccountEventsTopic        string          `env:"CONCHA_ACCOUNT_EVENTS_TOPIC" envDefault:"account-events-v1" desc:"the topic of the accounts' events"`
	AccountEventsSubscription string          `env:"CONCHA_ACCOUNT_EVENTS_SUBSCRIPTION" envDefault:"audios-account-events" desc:"the service's subscription to that topic"`
	Accounts                  AccountsAPI
	RequireIfMatch            bool `env:"CONCHA_REQUIRE_IF_MATCH" envDefault:"false" desc:"true: v1 requires If-Match for a change of an existing resource, and answers 428 without it"`
}

// AccountsAPI is where the service reads the accounts' events besides its
// subscription.
type AccountsAPI struct {
	URL       settings.Origin `env:"CONCHA_ACCOUNTS_URL" desc:"address of the gateway, or of an accounts service that trusts its network: events of accounts whose messages were lost are read from there; default: they stay lost"`
	TokenFile string          `env:"CONCHA_ACCOUNTS_TOKEN_FILE" desc:"file with an API key of the scopes events:read and accounts:read for CONCHA_ACCOUNTS_URL, read for each request; default: none is sent"`
}

// Validate implements settings.Validator. It does not look for the file: the
// commands that prepare the database do not have it, and without it only
// reconciliation fails.
func (a AccountsAPI) Validate() []settings.Problem {
	if a.TokenFile != "" && a.URL == "" {
		return []settings.Problem{{Variable: "CONCHA_ACCOUNTS_URL", Detail: "is required with CONCHA_ACCOUNTS_TOKEN_FILE"}}
	}
	return nil
}

// Subscriptions returns the subscriptions of the service, its own events first.
// Their types are those that subscriber.New reacts to.
func (c Config) Subscriptions() []bus.Subscription {
	return []bus.Subscription{
		{Topic: c.EventsTopic, Name: c.Subscription, Types: []string{events.AudioUpdatedV1, events.AudioDeletedV1}},
		{Topic: c.AccountEventsTopic, Name: c.AccountEventsSubscription, Types: []string{events.AccountCreatedV1, events.AccountDeletedV1}},
	}
}
