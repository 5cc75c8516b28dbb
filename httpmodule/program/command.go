package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/dig"

	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/httpmodule/program/settings"
)

// The exit codes of [Program.Run].
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// Run runs the command line args, without the program's name, and returns
// the process's exit code: 0, 1 after a failure, 2 when the command line is
// wrong. Results go to stdout; the log and a failure's one sentence go to
// stderr. serve ends when ctx does, or on SIGINT, SIGTERM or SIGHUP.
//
// The caller exits with the code at once: after a second signal requests may
// still be in progress.
func (p Program) Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := streams{in: stdin, out: stdout, err: stderr}
	root := p.newRootCommand(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var usage *usageError
	var dbUsage *dbcmd.UsageError
	switch {
	case errors.As(err, &usage):
		s.complain(fmt.Sprintf("%s: %s\nSee %s --help.\n", p.Name, usage.text, usage.command))
		return exitUsage
	case errors.As(err, &dbUsage):
		s.complain(fmt.Sprintf("%s: %s\nSee %s --help.\n", p.Name, dbUsage.Text, dbUsage.Command))
		return exitUsage
	}
	s.complain(p.explain(err))
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
func (p Program) explain(err error) string {
	var config *settings.Error
	if errors.As(err, &config) && len(config.Problems) > 1 {
		var b strings.Builder
		fmt.Fprintf(&b, "%s: %d settings can't be used:\n", p.Name, len(config.Problems))
		for _, problem := range config.Problems {
			b.WriteString("  " + oneLine(problem.Text) + "\n")
		}
		return b.String()
	}
	if config != nil {
		return p.Name + ": " + oneLine(config.Problems[0].Text) + "\n"
	}
	return p.Name + ": " + oneLine(packageNames.Replace(cause(err))) + "\n"
}

// cause is an error without what fx and dig wrap around it, which is about their graph. If it is the graph that
// is wrong, it is said whole, since its end alone does not name the type.
func cause(err error) string {
	root := dig.RootCause(err)
	var graph dig.Error
	if !errors.As(root, &graph) {
		return root.Error()
	}
	text := err.Error()
	if _, said, ok := strings.Cut(text, "Failed: "); ok { // before that, fx lists the callers
		return said
	}
	return text
}

// packageNames are of use to programmers only.
var packageNames = strings.NewReplacer("app: ", "", "program: ", "", "settings: ", "", "dbmodule: ", "", "httpmodule: ", "", "dbcmd: ", "", "backup: ", "", "migrate: ", "", "autogen: ", "")

// oneLine joins the lines of joined errors.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// usageError is a wrong command line.
type usageError struct{ text, command string }

func (e *usageError) Error() string { return "program: " + e.text }

func (p Program) newRootCommand(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   p.Name,
		Short: p.Short,
		Long: strings.TrimLeft(p.Long+" Without a command it serves.\n\n", " ") +
			"Settings come from environment variables; \"" + p.Name + " config\" lists them all.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), s) },
	}
	root.Version = p.Release() // cobra makes --version of it, whose text is that of the command
	root.SetVersionTemplate(string(p.build()) + "\n")
	root.InitDefaultVersionFlag() // so that the manual page has it
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{text: err.Error(), command: cmd.CommandPath()}
	})
	root.AddCommand(
		p.newServeCommand(s),
		p.newDBCommand(s),
		p.newConfigCommand(s),
		p.newHealthcheckCommand(s),
		p.newOpenAPICommand(s),
		p.newVersionCommand(s),
		p.newManCommand(),
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

func (p Program) newVersionCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the source revision and the Go version",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return s.print(string(p.build()) + "\n") },
	}
}

func (s streams) print(text string) error {
	if _, err := io.WriteString(s.out, text); err != nil {
		return fmt.Errorf("program: write the result: %w", err)
	}
	return nil
}
