package dbcmd

import "github.com/spf13/cobra"

func (t *tree) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint",
		Short: "Try all revisions, and look for what a review would find",
		Long: "Looks at the revisions without a database of yours: whether each has SQL for every\n" +
			"engine and both directions, and whether the snapshot is what the models say. Then it\n" +
			"runs them up, down and up again on SQLite in memory: a downgrade must leave the schema\n" +
			"as it was before, and the end must be the snapshot's. Statements that delete data are\n" +
			"named, and those that would stop a build that runs meanwhile, with what to write\n" +
			"instead; they are no reason to fail. The comment \"-- lint:known\" above a statement says\n" +
			"that somebody has looked at it.",
		Example: t.examples("lint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			return t.lint(cmd)
		},
	}
}
