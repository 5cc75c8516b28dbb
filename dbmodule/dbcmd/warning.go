package dbcmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/autogen"
)

// warningText is a warning where the section says which way it is about.
func warningText(w autogen.Warning) string {
	w.Down = false
	return w.String()
}

// tellWarnings names what a person should look at before an upgrade runs,
// once for all engines that it concerns. What a downgrade deletes stands in
// the files alone: to undo an addition always does.
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
