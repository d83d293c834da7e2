#!/usr/bin/env bash
# Installs what the checks of deploy/ need and a machine may lack: Prometheus and
# its promtool, and the bindings that the schema of the google provider is made
# from. Terraform and the Google Cloud CLI must be there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for tool in go npm terraform gcloud; do
	command -v "$tool" >/dev/null || { echo "deploy-check: $tool is missing: install it" >&2; exit 1; }
done
if ! command -v promtool >/dev/null || ! command -v prometheus >/dev/null; then
	as_root=
	[ "$(id -u)" = 0 ] || as_root=sudo
	$as_root apt-get update -qq
	$as_root apt-get install -qq -y --no-install-recommends prometheus >/dev/null
fi
GOBIN=$PWD/.tools GOWORK=off go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
bindings=.tools/provider-google
version=16.12.1 # of provider 6.50
if [ "$(cat "$bindings/version" 2>/dev/null)" != "$version" ]; then
	rm -rf "$bindings"
	mkdir -p "$bindings"
	npm pack --silent --pack-destination "$bindings" "@cdktf/provider-google@$version" >/dev/null
	tar -xzf "$bindings"/*.tgz -C "$bindings"
	rm "$bindings"/*.tgz
	echo "$version" >"$bindings/version"
fi
