package dbcmd

import (
	"fmt"

	"github.com/spf13/cobra"
)

// UsageError says that the command line is wrong. A program can use a separate
// exit code for it, as most programs do.
type UsageError struct {
	// Text says what is wrong.
	Text string
	// Command is the full name of the command, with its parent commands.
	Command string
}

// Error returns the text with the package's prefix.
func (e *UsageError) Error() string { return "dbcmd: " + e.Text }

func usage(cmd *cobra.Command, format string, args ...any) error {
	return &UsageError{Text: fmt.Sprintf(format, args...), Command: cmd.CommandPath()}
}

// arguments checks the number of arguments: from least to most, or without a limit
// if most is -1. what names the arguments in the error.
func arguments(cmd *cobra.Command, args []string, least, most int, what string) error {
	switch {
	case len(args) < least && least == 1:
		return usage(cmd, "%s needs %s: see the examples of %s --help", cmd.Name(), what, cmd.CommandPath())
	case len(args) < least:
		return usage(cmd, "%s needs %s, got %d", cmd.Name(), what, len(args))
	case most == 0 && len(args) > 0:
		return usage(cmd, "%s takes no argument, got %q", cmd.Name(), args[0])
	case most >= 0 && len(args) > most:
		return usage(cmd, "%s takes %s and nothing more, got %q too", cmd.Name(), what, args[most])
	}
	return nil
}

// noArguments returns a usage error if there are arguments.
func noArguments(cmd *cobra.Command, args []string) error { return arguments(cmd, args, 0, 0, "") }
