package dbcmd

import (
	"strings"

	"github.com/spf13/cobra"
)

// tree is the db command and what the commands below it share.
type tree struct {
	config Config
	root   *cobra.Command
	groups []group
	dir    string
	x      []string
	// database is the name of one of the Config's Databases, "" for the main one.
	database string
}

// dirFlag names the folder of revisions.
const dirFlag = "dir"

// databaseFlag chooses one of several databases.
const databaseFlag = "database"

// New returns the command "db", to be added to a program's own command line. The
// command takes its streams and its context from its parent. It reads no
// environment variables and has no global state, so one process may have several.
// The program prints the errors of the command; a [*UsageError] says that the
// command line is wrong. If config is invalid, every command returns that error.
//
// Commands write results to standard output, and messages about progress to
// standard error. The first SIGINT or SIGTERM stops work at a point from which a
// later run can resume; a second one ends the process at once.
func New(config Config) *cobra.Command {
	config, configErr := config.filled()
	t := &tree{config: config}
	t.root = &cobra.Command{
		Use:   "db",
		Short: "Migrate the database, and write the revisions that do it",
		Long: "Migrates the database from revision to revision, and writes revisions from the\n" +
			"models. Names, flags and the grammar of REVISION are Alembic's.",
		SilenceUsage: true,
		Args:         cobra.ArbitraryArgs, // RunE tells what is wrong with them
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return t.unknown(cmd, args[0])
			}
			return usage(cmd, "%s needs one of its commands: see %s --help", cmd.Name(), cmd.CommandPath())
		},
	}
	t.root.PersistentFlags().StringVar(&t.dir, dirFlag, config.Dir, "the revisions are in `FOLDER`")
	if names := config.databases(); len(names) > 0 {
		t.root.PersistentFlags().StringVar(&t.database, databaseFlag, "", "work on the database of this `NAME` instead of the main one: "+strings.Join(names, ", "))
		// It fails only for an unknown flag.
		_ = t.root.RegisterFlagCompletionFunc(databaseFlag, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	}
	if config.Arguments != nil {
		t.root.PersistentFlags().StringArrayVarP(&t.x, "arg", "x", nil, "`KEY=VALUE` for the program's revisions in Go (repeatable)")
	}
	t.root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%s", err) })
	t.root.SetHelpFunc(t.help)
	t.groups = t.commandGroups()
	for _, g := range t.groups {
		t.root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.title
			t.add(cmd, configErr)
		}
	}
	return t.root
}

// add adds a command to the tree. The command returns configErr, if it is not nil. Otherwise it
// reads --database and -x before it runs. Cobra prints no usage text with its errors, because they
// are about the database.
func (t *tree) add(cmd *cobra.Command, configErr error) {
	run := cmd.RunE
	cmd.SilenceUsage = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if configErr != nil {
			return configErr
		}
		if err := t.choose(cmd); err != nil {
			return err
		}
		if err := t.passArguments(cmd); err != nil {
			return err
		}
		return run(cmd, args)
	}
	t.root.AddCommand(cmd)
}

// choose makes the command use the database that --database names.
func (t *tree) choose(cmd *cobra.Command) error {
	if !cmd.Flags().Changed(databaseFlag) {
		return nil
	}
	chosen, ok := t.config.Databases[t.database]
	if !ok {
		return usage(cmd, "--%s: there is no database %q: there are %s", databaseFlag, t.database, strings.Join(t.config.databases(), ", "))
	}
	if chosen.Dir == "" {
		chosen.Dir = t.database + defaultDir
	}
	if !cmd.Flags().Changed(dirFlag) {
		t.dir = chosen.Dir
	}
	t.config.Models, t.config.Sources, t.config.Dir, t.config.Settings = chosen.Models, chosen.Sources, chosen.Dir, chosen.Settings
	return nil
}

// passArguments calls Config.Arguments with the values of -x, if the command line has any.
func (t *tree) passArguments(cmd *cobra.Command) error {
	if len(t.x) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, text := range t.x {
		key, value, _ := strings.Cut(text, "=")
		if _, twice := values[key]; twice || key == "" {
			return usage(cmd, "-x %s: want KEY=VALUE, and each key once", text)
		}
		values[key] = value
	}
	if err := t.config.Arguments(values); err != nil {
		return usage(cmd, "-x: %s", err)
	}
	return nil
}

// unknown returns the error for an unknown command.
func (t *tree) unknown(cmd *cobra.Command, name string) error {
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return usage(cmd, "there is no command %q: did you mean %q?", name, near[0])
	}
	return usage(cmd, "there is no command %q: see %s --help", name, cmd.CommandPath())
}

// path returns the command line of a command of the tree, for messages that tell the user to run
// it.
func (t *tree) path(name string) string {
	if t.database != "" {
		name += " --" + databaseFlag + " " + t.database
	}
	return t.root.CommandPath() + " " + name
}
