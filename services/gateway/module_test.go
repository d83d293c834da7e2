package gateway

import (
	"net/http"
	"net/url"
	"testing"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/settings"
)

func TestModuleWires(t *testing.T) {
	err := fx.ValidateApp(
		fx.NopLogger,
		fx.Supply(Upstreams{Accounts: http.NotFoundHandler(), Audios: http.NotFoundHandler()}),
		Module(Config{}),
		fx.Invoke(func(Handler) {}),
	)
	if err != nil {
		t.Error(err)
	}
}

func TestConfigTakesAnOriginOrNothing(t *testing.T) {
	for text, valid := range map[string]bool{
		"": true, "https://api.example.com": true, "http://localhost:8080/": true,
		"api.example.com": false, "ftp://a": false, "https://a/path": false, "https://a?b": false, "/x": false, "https://": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		problems := settings.Validator(Config{PublicURL: *u}).Validate()
		if (len(problems) == 0) != valid {
			t.Errorf("%q: %v", text, problems)
		}
	}
}
