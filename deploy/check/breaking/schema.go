package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// narrowed lists what a subscriber that reads events by the old schema cannot
// rely on any more: members that are gone or may be missing, and values of
// another kind. New members are allowed.
func narrowed(old, current []byte) ([]string, error) {
	var before, after map[string]any
	if err := json.Unmarshal(old, &before); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(current, &after); err != nil {
		return nil, err
	}
	return compareSchema("", before, after), nil
}

func compareSchema(at string, before, after map[string]any) (faults []string) {
	for _, keyword := range []string{"type", "const", "enum", "format", "$ref", "items", "anyOf", "oneOf"} {
		if _, ok := before[keyword]; ok && !reflect.DeepEqual(before[keyword], after[keyword]) && keyword != "items" {
			faults = append(faults, fmt.Sprintf("#%s: %s is %v, was %v", at, keyword, after[keyword], before[keyword]))
		}
	}
	required, _ := after["required"].([]any)
	was, _ := before["required"].([]any)
	for _, name := range was {
		if !slices.Contains(required, name) {
			faults = append(faults, fmt.Sprintf("#%s: %v may be missing", at, name))
		}
	}
	for _, keyword := range []string{"properties", "$defs"} {
		old, _ := before[keyword].(map[string]any)
		current, _ := after[keyword].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(old)) {
			o, _ := old[name].(map[string]any)
			c, ok := current[name].(map[string]any)
			if !ok {
				faults = append(faults, fmt.Sprintf("#%s/%s/%s is gone", at, keyword, name))
				continue
			}
			faults = append(faults, compareSchema(at+"/"+keyword+"/"+name, o, c)...)
		}
	}
	if o, ok := before["items"].(map[string]any); ok {
		c, _ := after["items"].(map[string]any)
		faults = append(faults, compareSchema(at+"/items", o, c)...)
	}
	return faults
}
