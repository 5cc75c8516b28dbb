package dbcmd

import (
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// tellStale says where the revisions in the folder are others than those that
// the program was built with: what runs now is then not what it runs when it
// is started elsewhere.
func (t *tree) tellStale(cmd *cobra.Command, g *graph.Graph) {
	if len(t.config.Sources) == 0 {
		return
	}
	built, err := migrate.New(t.config.Sources)
	if err != nil {
		return // the folder's are used, and are in order
	}
	if more := missingFrom(built.Graph(), g); len(more) > 0 {
		tell(cmd, "NOTE: %s has %s, which this program was built without: build it again\n", t.dir, names(more, ""))
	}
	if fewer := missingFrom(g, built.Graph()); len(fewer) > 0 {
		tell(cmd, "NOTE: %s lacks %s, which this program was built with\n", t.dir, names(fewer, ""))
	}
}

// missingFrom names the revisions of other that graph lacks.
func missingFrom(g, other *graph.Graph) []string {
	var ids []string
	for _, r := range other.Revisions() {
		if !g.Has(r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}
