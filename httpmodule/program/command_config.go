package program

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/httpmodule/program/settings"
)

func (p Program) newConfigCommand(s streams) *cobra.Command {
	var (
		format string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print every setting with its value, default and meaning",
		Long:  "Prints every setting with its value, default and meaning, of each database of the\nprogram. Secrets are masked. It connects to nothing. Wrong settings are marked.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, read := p.readAll()
			if asJSON && cmd.Flags().Changed("format") && format != "json" {
				return &usageError{text: "--json and --format " + format + " contradict each other", command: cmd.CommandPath()}
			}
			if asJSON {
				format = "json"
			}
			switch format {
			case "table":
				return s.print(p.settingsTable(read))
			case "json":
				return s.printJSON(read.List())
			default:
				return &usageError{text: fmt.Sprintf("--format takes table or json, not %q", format), command: cmd.CommandPath()}
			}
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&format, "format", "table", "form of the output: table or json; --json is the same as --format json")
	return cmd
}

// settingsTable returns a table of the settings, and below it the problems.
func (p Program) settingsTable(read *settings.Settings) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(columns ...string) { _, _ = io.WriteString(w, strings.Join(columns, "\t")+"\n") }
	row("SETTING", "VALUE", "DEFAULT", "MEANING")
	for _, s := range read.List() {
		value := s.Value
		if s.Problem != "" {
			value = "(invalid)"
		}
		row(s.Name, orDash(value), orDash(s.Default), s.Meaning)
	}
	_ = w.Flush() // to memory
	var invalid *settings.Error
	if errors.As(read.Err(), &invalid) {
		b.WriteString("\nInvalid:\n")
		for _, problem := range invalid.Problems {
			fmt.Fprintf(&b, "  %s\n", oneLine(problem.Text))
		}
	}
	if names := read.Misspelt(p.hint()); len(names) > 0 {
		b.WriteString("\nIgnored:\n")
		for _, sentence := range names {
			fmt.Fprintf(&b, "  %s\n", sentence)
		}
	}
	return b.String()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (s streams) printJSON(list []settings.Setting) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(list); err != nil {
		return fmt.Errorf("program: write the result: %w", err)
	}
	return nil
}
