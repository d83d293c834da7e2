package main

import (
	"testing"

	"github.com/concha-labs/backend/pkg/settings/settingstest"
)

func TestSettingsAreDocumented(t *testing.T) {
	settingstest.Documented(t, "../../../../docs/settings.md", "gateway", &config{})
}
