package dbcmd

import (
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func (t *tree) mergeCommand() *cobra.Command {
	var (
		message, revID string
		labels         []string
	)
	cmd := &cobra.Command{
		Use:   "merge REVISION…",
		Short: "Bring several heads together in a new revision",
		Long: "Writes a revision that follows several others, so that there is one head again. Use it\n" +
			"after two people wrote a revision at the same time. The new revision has no SQL; add\n" +
			"some to its all.sql if the branches need it. If version control has left the\n" +
			"snapshot with conflicts, it is written again from the models.",
		ValidArgsFunction: t.completeRevisions("heads"),
		Example:           t.examples(`merge heads -m "merge books and prices"`, `merge -m "merge" 1f0c 7ab3`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := arguments(cmd, args, 1, -1, "the revisions to merge, or heads"); err != nil {
				return err
			}
			r, err := t.plan(cmd, graph.NewRevision{ID: revID, Message: message, Heads: args, BranchLabels: labels})
			if err != nil {
				return err
			}
			if !r.IsMergePoint() {
				return usage(cmd, "merge needs several revisions: %s is one", names(args, ""))
			}
			files := revisionFiles{revision: r, sql: map[string]string{"all.sql": render(section{}, section{})}}
			if files.snapshots, err = t.mendedSnapshots(cmd, r.ID); err != nil {
				return err
			}
			return t.write(cmd, files)
		},
	}
	cmd.Flags().StringVarP(&message, "message", "m", "", "`TEXT` that says in one line what the revision does")
	addBranchLabel(cmd, &labels)
	addRevID(cmd, &revID)
	return cmd
}

// mendedSnapshots returns new snapshots for those that can't be read, for example after a merge
// conflict. It makes them from the models, and they belong to the revision id.
func (t *tree) mendedSnapshots(cmd *cobra.Command, id string) (map[string]string, error) {
	mended := map[string]string{}
	for _, engine := range t.config.Engines {
		_, broken := t.snapshot(cmd, engine)
		if broken == nil {
			continue
		}
		if len(t.config.Models) == 0 {
			return nil, broken
		}
		text, err := t.modelSnapshot(engine)
		if err != nil {
			return nil, err
		}
		mended[snapshotName(engine)] = snapshotOf(id, text)
		tell(cmd, "%s can't be read and is written again from the models: run \"%s\" to see that the revisions lead to it\n",
			snapshotName(engine), t.path("lint"))
	}
	return mended, nil
}
