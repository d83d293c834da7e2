// Package accounts is the accounts service.
package accounts

import (
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/settings"
)

// Config holds the settings of the service.
type Config struct {
	settings.Storage
	PublicURL      settings.Origin `env:"CONCHA_PUBLIC_URL" envDefault:"http://localhost:8080" desc:"origin under which clients reach the API, such as https://api.example.com: ce-dataschema of published events begins with it"`
	EventsTopic    string          `env:"CONCHA_EVENTS_TOPIC" envDefault:"account-events-v1" desc:"the topic that events are published to"`
	Subscription   string          `env:"CONCHA_ACCOUNT_EVENTS_SUBSCRIPTION" envDefault:"accounts-self" desc:"the service's own subscription to that topic"`
	RequireIfMatch bool            `env:"CONCHA_REQUIRE_IF_MATCH" envDefault:"false" desc:"true: v1 requires If-Match for a change of an existing resource, and answers 428 without it"`
}

// Subscriptions returns the subscriptions of the service. Their types are those
// that subscriber.New reacts to.
func (c Config) Subscriptions() []bus.Subscription {
	return []bus.Subscription{{Topic: c.EventsTopic, Name: c.Subscription, Types: []string{events.AccountUpdatedV1, events.AccountDeletedV1}}}
}
