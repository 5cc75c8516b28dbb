package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/dig"

	"github.com/openhands-go/server/dbmodule/dbcmd"
)

// The exit codes of [Main].
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// Main runs the command line args, without the program's name, and returns
// the process's exit code: 0, 1 after a failure, 2 when the command line is
// wrong. Results go to stdout; the log and a failure's one sentence go to
// stderr. serve ends when ctx does, or on SIGINT, SIGTERM or SIGHUP.
//
// The caller exits with the code at once: after a second signal requests may
// still be in progress.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := streams{in: stdin, out: stdout, err: stderr}
	root := newRootCommand(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var usage *usageError
	var dbUsage *dbcmd.UsageError
	switch {
	case errors.As(err, &usage):
		s.complain(fmt.Sprintf("%s: %s\nSee %s --help.\n", program, usage.text, usage.command))
		return exitUsage
	case errors.As(err, &dbUsage):
		s.complain(fmt.Sprintf("%s: %s\nSee %s --help.\n", program, dbUsage.Text, dbUsage.Command))
		return exitUsage
	}
	s.complain(explain(err))
	return exitFailure
}

// streams are the three of the process.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func (s streams) complain(text string) {
	_, _ = io.WriteString(s.err, text) // there is nobody left to tell
}

// explain makes an error a sentence, or a list of what is wrong with settings.
func explain(err error) string {
	var config *ConfigError
	if errors.As(err, &config) && len(config.Problems) > 1 {
		var b strings.Builder
		fmt.Fprintf(&b, "%s: %d settings can't be used:\n", program, len(config.Problems))
		for _, p := range config.Problems {
			b.WriteString("  " + oneLine(p.Text) + "\n")
		}
		return b.String()
	}
	if config != nil {
		return program + ": " + oneLine(config.Problems[0].Text) + "\n"
	}
	// What fx and dig wrap around an error is about their graph.
	text := dig.RootCause(err).Error()
	return program + ": " + oneLine(packageNames.Replace(text)) + "\n"
}

// packageNames are of use to programmers only.
var packageNames = strings.NewReplacer("app: ", "", "dbmodule: ", "", "httpmodule: ", "", "dbcmd: ", "", "backup: ", "", "migrate: ", "", "autogen: ", "")

// oneLine joins the lines of joined errors.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// usageError is a wrong command line.
type usageError struct{ text, command string }

func (e *usageError) Error() string { return "app: " + e.text }

func newRootCommand(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   program,
		Short: "Store agent conversations and events, and serve OpenHands' HTTP routes",
		Long: "Stores agent conversations and events in SQLite, PostgreSQL, MySQL or MariaDB and\n" +
			"serves OpenHands' HTTP routes. Without a command it serves.\n\n" +
			"Settings come from environment variables; \"" + program + " config\" lists them all.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), s) },
	}
	root.Version = version // cobra makes --version of it, whose text is that of the command
	build, _ := debug.ReadBuildInfo()
	root.SetVersionTemplate(describeBuild(build) + "\n")
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{text: err.Error(), command: cmd.CommandPath()}
	})
	root.AddCommand(
		newServeCommand(s),
		newDBCommand(s),
		newConfigCommand(s),
		newHealthcheckCommand(s),
		newOpenAPICommand(s),
		newVersionCommand(s),
	)
	return root
}

// noArgs refuses arguments; what follows a command that has others below it
// is taken for one of these.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := &usageError{text: fmt.Sprintf("%s takes no argument, got %q", cmd.CommandPath(), args[0]), command: cmd.CommandPath()}
	if cmd.HasSubCommands() {
		e.text = fmt.Sprintf("there is no command %q", args[0])
		if cmd.SuggestionsMinimumDistance <= 0 {
			cmd.SuggestionsMinimumDistance = 2
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			e.text += fmt.Sprintf(": did you mean %q?", near[0])
		}
	}
	return e
}

func newVersionCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the source revision and the Go version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			build, _ := debug.ReadBuildInfo()
			return s.print(describeBuild(build) + "\n")
		},
	}
}

func (s streams) print(text string) error {
	if _, err := io.WriteString(s.out, text); err != nil {
		return fmt.Errorf("app: write the result: %w", err)
	}
	return nil
}
