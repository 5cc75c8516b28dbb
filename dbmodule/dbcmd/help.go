package dbcmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// group is a group of commands under one title of the help.
type group struct {
	title    string
	commands []*cobra.Command
}

// commandGroups returns all commands in groups, in the order in which a team comes to use them.
func (t *tree) commandGroups() []group {
	return []group{
		{"Begin", []*cobra.Command{t.initCommand()}},
		{"Write a revision", []*cobra.Command{t.revisionCommand(), t.editCommand(), t.checkCommand(), t.lintCommand()}},
		{"Apply revisions", []*cobra.Command{t.prepareCommand(), t.upgradeCommand()}},
		{"See where things are", []*cobra.Command{
			t.statusCommand(), t.currentCommand(), t.historyCommand(), t.showCommand(), t.headsCommand(), t.branchesCommand(), t.inspectCommand(),
		}},
		{"Go back, merge, repair", []*cobra.Command{
			t.downgradeCommand(), t.mergeCommand(), t.stampCommand(), t.ensureVersionCommand(),
		}},
		{"Operate", []*cobra.Command{t.doctorCommand(), t.backupCommand(), t.restoreCommand()}},
	}
}

// help prints the help of a command. For the command db it lists the groups of commands. Cobra's
// own help would sort the commands by name, unless a global variable is set.
func (t *tree) help(cmd *cobra.Command, args []string) {
	if cmd != t.root {
		// The examples begin with "db". Only now is its full path in the program known.
		cmd.Example = strings.ReplaceAll("\n"+cmd.Example, "\n  db ", "\n  "+t.root.CommandPath()+" ")[1:]
		t.outerHelp()(cmd, args)
		return
	}
	if _, err := fmt.Fprint(cmd.OutOrStdout(), t.helpText()); err != nil {
		cmd.PrintErrln(err)
	}
}

// outerHelp returns the help function of the program that the tree is part of, or cobra's default.
func (t *tree) outerHelp() func(*cobra.Command, []string) {
	if t.root.HasParent() {
		return t.root.Parent().HelpFunc()
	}
	return (&cobra.Command{}).HelpFunc()
}

func (t *tree) helpText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s COMMAND\n", t.root.Long, t.root.CommandPath())
	commands := slices.DeleteFunc(slices.Clone(t.root.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() })
	width := 0
	for _, c := range commands {
		width = max(width, len(c.Name()))
	}
	list := func(title string, commands []*cobra.Command) {
		if len(commands) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s:\n", title)
		for _, c := range commands {
			fmt.Fprintf(&b, "  %-*s  %s\n", width, c.Name(), c.Short)
		}
	}
	for _, g := range t.groups {
		list(g.title, g.commands)
	}
	list("More", slices.DeleteFunc(commands, func(c *cobra.Command) bool {
		return slices.ContainsFunc(t.groups, func(g group) bool { return slices.Contains(g.commands, c) })
	}))
	fmt.Fprintf(&b, "\nRevisions:\n%s\nFlags:\n%s", grammar, t.root.LocalFlags().FlagUsages())
	if inherited := t.root.InheritedFlags(); inherited.HasAvailableFlags() {
		fmt.Fprintf(&b, "\nGlobal Flags:\n%s", inherited.FlagUsages())
	}
	fmt.Fprintf(&b, "\nUse \"%s COMMAND --help\" for more about a command.\n", t.root.CommandPath())
	return b.String()
}

// grammar is the text of the help about the forms of a REVISION argument.
const grammar = `  1f0c2d9a4b7e  an id, or the beginning of one that no other id has
  head, heads   the last revision; all of them when there are several
  base          before the first revision
  current       the revision that the database has (show, history, edit, --sql)
  +2, -1        two revisions after the database's, one before it
  1f0c+2        two revisions after another one
  label@head    the last revision of a branch; label@+1, label@base
`
