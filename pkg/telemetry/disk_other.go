//go:build !unix

package telemetry

// measureDisk exports nothing: only Unix has a common call for free space.
func measureDisk(string) error { return nil }
