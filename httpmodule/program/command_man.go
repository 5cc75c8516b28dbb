package program

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manSection is the section of the manual for user commands.
const manSection = "1"

func (p Program) newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write a manual page for each command into a folder",
		Long: "Writes a manual page for each command into a folder, which it makes if it is missing.\n" +
			"To read the pages with \"man -M DIR NAME\", write them into DIR/man1. They have today's date,\n" +
			"or that of SOURCE_DATE_EPOCH.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return &usageError{text: fmt.Sprintf("%s takes one folder, got %d arguments", cmd.CommandPath(), len(args)), command: cmd.CommandPath()}
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // everybody may read manuals
				return fmt.Errorf("program: make the folder of the manual pages: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: manSection, Source: p.Name + " " + p.Release(), Manual: p.title()}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("program: write the manual pages: %w", err)
			}
			return nil
		},
	}
}
