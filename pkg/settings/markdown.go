package settings

import (
	"fmt"
	"strings"
)

// Markdown returns the variables of cfg, a pointer to a config type, as a
// Markdown table of names, defaults and descriptions.
func Markdown(cfg any) string {
	var b strings.Builder
	b.WriteString("| Variable | Default | Meaning |\n|---|---|---|\n")
	for _, v := range variables(cfg) {
		def := v.defaultText()
		if v.defaultValue != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.name, def, strings.ReplaceAll(v.desc, "|", `\|`))
	}
	return b.String()
}
