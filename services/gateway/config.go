package gateway

import (
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway/internal/access"
	"github.com/concha-labs/backend/services/gateway/internal/classic"
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
	// ClassicImageField is the name of the image's address in classic accounts.
	ClassicImageField classic.ImageField `env:"CONCHA_CLASSIC_IMAGE_FIELD" envDefault:"image_hosted_url" desc:"member of accounts on the classic paths that has the address of the image: image_hosted_url, or image_hosted_link as in the original server's code"`
	// Access says who may use the API.
	Access access.Config
	// Console adds the user interface at /console.
	Console bool `env:"CONCHA_CONSOLE" envDefault:"true" desc:"false: there is no user interface at /console"`
}

// On returns c for a process that listens on an address, with that mode.
func (c Config) On(listen settings.Listen, mode AuthMode) Config {
	c.Access.Mode = mode
	c.Access.Hosts = access.NewHosts(listen, c.PublicURL)
	return c
}

// AuthMode is the value of CONCHA_AUTH.
type AuthMode = access.Mode

// AuthRequired has requests need credentials.
const AuthRequired = access.Required
