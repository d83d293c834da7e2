// Package k8s checks the manifests in deploy/k8s: by Kubernetes' own decoding,
// defaulting and validation, by Pod Security, and by rules of this system.
package k8s

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// load copies a folder into memory, where a test can change it.
func load(dir string) (filesys.FileSystem, error) {
	memory := filesys.MakeFsInMemory()
	return memory, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return memory.WriteFile("/"+filepath.ToSlash(relative), text)
	})
}

// build renders the kustomization in a folder, as "kubectl apply -k" does, into
// one YAML document per object.
func build(files filesys.FileSystem, dir string) ([]*resource.Resource, error) {
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, dir)
	if err != nil {
		return nil, err
	}
	return objects.Resources(), nil
}

// overlays are what operators apply.
func overlays(dir string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, "overlays"))
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, err
}
