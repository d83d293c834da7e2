#!/usr/bin/env bash
# Builds the control plane of Kubernetes that go.mod names and kwok into
# .tools/cluster, which takes a quarter of an hour the first time, and installs
# etcd. kubectl must be there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off
tools=$PWD/../../.tools/cluster

for tool in go kubectl openssl; do
	command -v "$tool" >/dev/null || { echo "deploy-cluster: $tool is missing: install it" >&2; exit 1; }
done
if ! command -v etcd >/dev/null; then
	as_root=
	[ "$(id -u)" = 0 ] || as_root=sudo
	$as_root apt-get update -qq
	$as_root apt-get install -qq -y --no-install-recommends etcd-server >/dev/null
fi
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"
for program in kube-controller-manager kube-scheduler kube-apiserver; do
	go build -o "$tools/" -ldflags "-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=$major -X k8s.io/component-base/version.gitMinor=$minor" \
		"k8s.io/kubernetes/cmd/$program"
done
GOBIN=$tools go install sigs.k8s.io/kwok/cmd/kwok@v0.7.0
