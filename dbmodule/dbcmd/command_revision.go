package dbcmd

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// revisionFlags are the flags of the command revision.
type revisionFlags struct {
	message, head, revID                     string
	branchLabels, dependsOn, rename          []string
	autogenerate, live, splice, asText, undo bool
}

func (t *tree) revisionCommand() *cobra.Command {
	var f revisionFlags
	cmd := &cobra.Command{
		Use:   "revision",
		Short: "Write a new revision, from the models with --autogenerate",
		Long: "Writes a folder with a new revision: revision.txt and a SQL file for each engine, with\n" +
			"an upgrade and a downgrade section.\n\n" +
			"With --autogenerate the SQL changes the schema from the snapshot beside the revisions\n" +
			"to the models. No database is needed, and the snapshot is written again. If the models\n" +
			"have not changed, nothing is written. Read the SQL before you commit it: statements that delete\n" +
			"data, or can fail on existing data, are named here and at the top of the file. A rename\n" +
			"looks like a drop and an add unless you name it by --rename. Autogenerate can't know\n" +
			"everything: edit the files that it wrote.\n\n" +
			"With --live the schema of the database in use is compared with the models, as with\n" +
			"Alembic, and the SQL is for its engine alone.\n\n" +
			"With --undo the newest revision's folder is removed and the snapshot put back as it was\n" +
			"before, unless the database in use has applied the revision. Use --undo to write the\n" +
			"revision again; do not delete its folder by hand, because the snapshot belongs to it.",
		Example: t.examples(
			`revision -m "create books" --autogenerate`,
			`revision -m "rename title" --autogenerate --rename books.title=books.name`,
			`revision -m "fill in slugs"`,
			`revision -m "hotfix" --head 1f0c2d --splice`,
			"revision --undo",
		),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			if f.undo {
				if cmd.Flags().NFlag() > 1 && !(cmd.Flags().NFlag() == 2 && cmd.Flags().Changed(dirFlag)) {
					return usage(cmd, "--undo deletes the newest revision: the only other flag that it takes is --%s", dirFlag)
				}
				return t.undo(cmd)
			}
			return t.revision(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.message, "message", "m", "", "`TEXT` that says in one line what the revision does")
	flags.BoolVar(&f.autogenerate, "autogenerate", false, "write the SQL that leads to the models")
	flags.BoolVar(&f.live, "live", false, "with --autogenerate: compare with the database rather than with the snapshot")
	flags.StringVar(&f.head, "head", "head", "`REVISION` that the new one follows")
	flags.BoolVar(&f.splice, "splice", false, "let --head name a revision that others follow: a branch begins there")
	addBranchLabel(cmd, &f.branchLabels)
	flags.StringArrayVar(&f.dependsOn, "depends-on", nil, "`REVISION` that must be applied before this one (repeatable)")
	addRevID(cmd, &f.revID)
	flags.BoolVar(&f.asText, "sql", false, "print the files instead of writing them")
	flags.BoolVar(&f.undo, "undo", false, "remove the newest revision, and put the snapshot back as it was before it")
	flags.StringArrayVar(&f.rename, "rename", nil, "with --autogenerate: `OLD=NEW` table, or table.old=table.new for a column (repeatable)")
	return cmd
}

func addBranchLabel(cmd *cobra.Command, labels *[]string) {
	cmd.Flags().StringArrayVar(labels, "branch-label", nil, "`LABEL` for the branch that begins here (repeatable)")
}

func addRevID(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "rev-id", "", "`ID` of the revision, instead of a new one")
}

func (t *tree) revision(cmd *cobra.Command, f revisionFlags) error {
	if !f.autogenerate && (f.live || len(f.rename) > 0) {
		return usage(cmd, "--live and --rename need --autogenerate: add it")
	}
	renames, err := parseRenames(cmd, f.rename)
	if err != nil {
		return err
	}
	r, err := t.plan(cmd, graph.NewRevision{
		ID: f.revID, Message: f.message, Heads: []string{f.head}, Splice: f.splice,
		BranchLabels: f.branchLabels, DependsOn: f.dependsOn,
	})
	if err != nil {
		return err
	}
	if !f.autogenerate {
		return t.finish(cmd, t.blank(r), f.asText)
	}
	drafts, err := t.generate(cmd, f, renames)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		tellLeftAlone(cmd, d.LeftAlone)
	}
	if allEmpty(drafts) {
		against := "snapshot"
		if f.live {
			against = "database"
		}
		return say(cmd, "No changes detected: the models agree with the %s. No revision was written.\n", against)
	}
	files, err := draftedFiles(r, drafts)
	if err != nil {
		return err
	}
	tellWarnings(cmd, drafts)
	return t.finish(cmd, files, f.asText)
}

// plan decides which revisions the new one follows. It sets id and message as Alembic
// does if the user chose none.
func (t *tree) plan(cmd *cobra.Command, n graph.NewRevision) (*migrate.Revision, error) {
	if err := t.writable(cmd); err != nil {
		return nil, err
	}
	g, err := t.graph(cmd)
	if err != nil {
		return nil, err
	}
	if n.ID == "" {
		n.ID = newRevisionID()
	}
	if n.Message == "" {
		n.Message = "empty message"
	}
	r, err := g.PlanRevision(n)
	if err != nil {
		return nil, err
	}
	planned := *r
	planned.CreateDate = now()
	return &planned, nil
}

// finish writes or prints a revision.
func (t *tree) finish(cmd *cobra.Command, files revisionFiles, asText bool) error {
	if asText {
		return files.print(cmd)
	}
	return t.write(cmd, files)
}

// generate compares the models with the snapshot or with a database, as the flags say.
func (t *tree) generate(cmd *cobra.Command, f revisionFlags, renames []autogen.Rename) ([]draft, error) {
	drafts, err := t.drafts(cmd.Context(), cmd, renames)
	if err != nil || !f.live {
		return drafts, err
	}
	return drafts, t.migrating(cmd, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error {
		state, err := m.State(ctx, db.DB())
		if err != nil {
			return err
		}
		if len(state.Pending) > 0 {
			return fmt.Errorf("dbcmd: revision: the database is not up to date, so the draft would also have the changes of revisions that it lacks: run \"%s\" first", t.path("upgrade"))
		}
		at := slices.IndexFunc(drafts, func(d draft) bool { return d.engine == db.Engine() })
		if at < 0 {
			return fmt.Errorf("dbcmd: revision: this program writes no SQL for %s, the engine of this database: leave --live out", db.Engine())
		}
		drafts[at].Draft, err = t.liveDraft(ctx, cmd, db, renames)
		return err
	})
}
