package dbcmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/autogen"
)

// warningText returns a warning's text without the direction, which the place in the
// file shows.
func warningText(w autogen.Warning) string {
	w.Down = false
	return w.String()
}

// tellWarnings prints the warnings about the upgrade, each once with the engines that
// it concerns. Warnings about the downgrade are only in the files: every downgrade
// that undoes an addition deletes something.
func tellWarnings(cmd *cobra.Command, drafts []draft) {
	var texts []string
	engines := map[string][]string{}
	for _, d := range drafts {
		for _, warning := range d.Warnings {
			if warning.Down {
				continue
			}
			text := warningText(warning)
			if len(engines[text]) == 0 {
				texts = append(texts, text)
			}
			engines[text] = append(engines[text], string(d.engine))
		}
	}
	for _, text := range texts {
		tell(cmd, "WARNING: %s, on %s\n", text, strings.Join(engines[text], ", "))
	}
}
