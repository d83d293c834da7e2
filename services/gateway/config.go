package gateway

import (
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway/internal/edge"
)

// Config holds the settings of the gateway. The zero Config is valid.
type Config struct {
	// PublicURL is the origin of the URLs in answers. If it is "", it is the
	// one that the client used.
	PublicURL settings.Origin `env:"CONCHA_PUBLIC_URL" desc:"origin under which clients reach the API, such as https://api.example.com; needed behind a proxy that terminates TLS; default: from the request"`
	// TrustedProxies are the peers whose X-Forwarded-For, -Proto and -Host are
	// trusted.
	TrustedProxies edge.Networks `env:"CONCHA_TRUSTED_PROXIES" desc:"addresses and networks (CIDR) of the proxies in front whose X-Forwarded-For, -Proto and -Host are trusted, separated by commas; default: none"`
	// Console adds the user interface at /console.
	Console bool `env:"CONCHA_CONSOLE" envDefault:"true" desc:"false: there is no user interface at /console"`
}
