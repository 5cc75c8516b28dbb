package dbcmd

import "github.com/spf13/cobra"

func (t *tree) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint",
		Short: "Try all revisions, and look for what a review would find",
		Long: "Checks the revisions without using your database: each must have SQL for every\n" +
			"engine and both directions, and the snapshot must match the models. Then it\n" +
			"runs them up, down and up again on SQLite in memory: a downgrade must restore the\n" +
			"previous schema, and the last schema must be the snapshot's. It also names statements\n" +
			"that delete data, and statements that would stop a running build, with what to write\n" +
			"instead; these do not make it fail. The comment \"-- lint:known\" above a statement says\n" +
			"that somebody has reviewed it.",
		Example: t.examples("lint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			return t.lint(cmd)
		},
	}
}
