package dbcmd

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

// edit opens the files in the editor and waits until it ends.
func (t *tree) edit(cmd *cobra.Command, paths []string) error {
	line := strings.Fields(t.config.Editor)
	if len(line) == 0 {
		return errors.New("dbcmd: edit: no editor is set: set VISUAL or EDITOR, or open " + strings.Join(paths, ", "))
	}
	editor := exec.CommandContext(cmd.Context(), line[0], append(line[1:], paths...)...)
	editor.Stdin, editor.Stdout, editor.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := editor.Run(); err != nil {
		return fmt.Errorf("dbcmd: edit: run the editor %q: %w", t.config.Editor, err)
	}
	return nil
}
