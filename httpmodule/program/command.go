package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
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

// Run runs the command line args, without the program's name, and returns the exit code: 0, or 1
// after a failure, or 2 if the command line is wrong. It writes results to stdout, and the log and
// errors to stderr. The command serve ends when ctx ends, or on SIGINT, SIGTERM or SIGHUP.
//
// The caller must exit with the code at once: after a second signal, requests may still be in
// progress.
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
		s.printErr(fmt.Sprintf("%s: %s\nSee %s --help.\n", p.Name, usage.text, usage.command))
		return exitUsage
	case errors.As(err, &dbUsage):
		s.printErr(fmt.Sprintf("%s: %s\nSee %s --help.\n", p.Name, dbUsage.Text, dbUsage.Command))
		return exitUsage
	}
	s.printErr(p.explain(err))
	return exitFailure
}

// streams are the process's standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func (s streams) printErr(text string) {
	_, _ = io.WriteString(s.err, text) // there is no other place for an error
}

// explain returns an error as one line, or as a list if several settings are wrong.
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
	return p.Name + ": " + oneLine(packageNames.Replace(leadingPackage.ReplaceAllString(cause(err), ""))) + "\n"
}

// cause returns an error's text without the texts of fx and dig about their graph. If the graph itself is
// wrong, for example because a type is missing, it returns the whole text, which names the type.
func cause(err error) string {
	root := dig.RootCause(err)
	var graph dig.Error
	if !errors.As(root, &graph) {
		return root.Error()
	}
	text := err.Error()
	if _, said, ok := strings.Cut(text, "Failed: "); ok { // fx lists the callers before that
		return said
	}
	return text
}

// leadingPackage and packageNames match the package names in an error, which only programmers need: the name at
// its beginning, and the libraries' names within it.
var leadingPackage = regexp.MustCompile(`^[a-z0-9]+: `)

var packageNames = strings.NewReplacer("program: ", "", "settings: ", "", "dbmodule: ", "", "httpmodule: ", "", "dbcmd: ", "", "backup: ", "", "migrate: ", "", "autogen: ", "")

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
	root.Version = p.Release() // cobra adds --version, which prints the same as the command version
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
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			requireShell(cmd)
		}
	}
	return root
}

// requireShell refuses a command completion that names none of its shells. cobra prints its
// help instead, as after a success.
func requireShell(completion *cobra.Command) {
	completion.Args = noArgs
	completion.RunE = func(cmd *cobra.Command, _ []string) error {
		return &usageError{text: cmd.CommandPath() + " needs a shell", command: cmd.CommandPath()}
	}
	for _, shell := range completion.Commands() {
		shell.Args = noArgs
	}
}

// noArgs refuses arguments. It reports the argument of a command with subcommands as an unknown
// subcommand.
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
