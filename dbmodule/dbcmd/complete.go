package dbcmd

import "github.com/spf13/cobra"

// completeRevisions completes a REVISION argument in the shell: with the symbols, and with the ids
// of the revisions and their messages, the newest first.
func (t *tree) completeRevisions(symbols ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		offers := append([]cobra.Completion(nil), symbols...)
		if t.choose(cmd) != nil {
			return offers, cobra.ShellCompDirectiveNoFileComp
		}
		g, err := t.graph(cmd)
		if err != nil {
			return offers, cobra.ShellCompDirectiveNoFileComp
		}
		revisions := g.Revisions()
		for i := len(revisions) - 1; i >= 0; i-- {
			offers = append(offers, cobra.CompletionWithDesc(revisions[i].ID, revisions[i].Message))
		}
		return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
