package settings

import "runtime/debug"

// version can be set at link time: -ldflags "-X
// github.com/concha-labs/backend/pkg/settings.version=v1.2.3".
var version string

// Version returns the version that was set at link time, else that of the main
// module, else the commit of the build, else "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return buildVersion(info)
}

func buildVersion(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}
