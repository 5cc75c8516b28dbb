package dbcmd

import (
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// tellStale prints a note if the revisions in the folder differ from those that the program was
// built with. This command uses the folder's revisions; where the folder does not exist, the
// program uses its own.
func (t *tree) tellStale(cmd *cobra.Command, g *graph.Graph) {
	if len(t.config.Sources) == 0 {
		return
	}
	built, err := migrate.New(t.config.Sources)
	if err != nil {
		return // this command uses the folder's revisions, which are valid
	}
	if more := missingFrom(built.Graph(), g); len(more) > 0 {
		tell(cmd, "NOTE: %s has %s, which this program was built without: build it again\n", t.dir, names(more, ""))
	}
	if fewer := missingFrom(g, built.Graph()); len(fewer) > 0 {
		tell(cmd, "NOTE: %s lacks %s, which this program was built with\n", t.dir, names(fewer, ""))
	}
}

// missingFrom returns the ids of the revisions of other that g lacks.
func missingFrom(g, other *graph.Graph) []string {
	var ids []string
	for _, r := range other.Revisions() {
		if !g.Has(r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}
