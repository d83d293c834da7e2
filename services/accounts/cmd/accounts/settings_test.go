package main

import (
	"testing"

	"github.com/concha-labs/backend/pkg/process"
	"github.com/concha-labs/backend/pkg/settings/settingstest"
	"github.com/concha-labs/backend/services/accounts"
)

func TestSettingsAreDocumented(t *testing.T) {
	settingstest.Documented(t, "../../../../docs/settings.md", "accounts", &process.Config[accounts.Config]{})
}
