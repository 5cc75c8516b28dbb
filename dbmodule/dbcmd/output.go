package dbcmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// say writes a result to standard output. It returns an error if it can't write: a
// user who redirects the output would believe that a part of it is complete.
func say(cmd *cobra.Command, format string, args ...any) error {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	if _, err := fmt.Fprint(cmd.OutOrStdout(), text); err != nil {
		return fmt.Errorf("dbcmd: write the result: %w", err)
	}
	return nil
}

// tell writes a message about progress to standard error.
func tell(cmd *cobra.Command, format string, args ...any) {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format, args...) // if standard error fails, the message is lost
}

// examples formats command lines for a command's help. They begin with "db". The program adds db to
// its own command later; help then replaces "db" by the full path.
func (t *tree) examples(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "  db %s\n", line)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// plural returns the number and the word, which gets an s unless the number is 1.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
