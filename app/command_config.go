package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newConfigCommand(s streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print every setting with its value, default and meaning",
		Long:  "Prints every setting with its value, default and meaning. Secrets are masked. It\nconnects to nothing, and works when settings are wrong: these are marked.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, settings := readSettings()
			switch format {
			case "table":
				return s.print(settingsTable(settings))
			case "json":
				return s.printJSON(settings)
			default:
				return &usageError{text: fmt.Sprintf("--format takes table or json, not %q", format), command: cmd.CommandPath()}
			}
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "form of the output: table or json")
	return cmd
}

// settingsTable lists the settings for people, and what is wrong below.
func settingsTable(settings []*setting) string {
	var b, wrong strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(columns ...string) { _, _ = io.WriteString(w, strings.Join(columns, "\t")+"\n") }
	row("SETTING", "VALUE", "DEFAULT", "MEANING")
	for _, s := range settings {
		value := s.shown()
		if len(s.problems) > 0 {
			value = "(invalid)"
		}
		row(s.name, orDash(value), orDash(s.fallback), s.meaning)
		for _, p := range s.problems {
			fmt.Fprintf(&wrong, "  %s\n", oneLine(p.Text))
		}
	}
	_ = w.Flush() // to memory
	if wrong.Len() > 0 {
		b.WriteString("\nInvalid:\n" + wrong.String())
	}
	if names := misspelt(settings); len(names) > 0 {
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

func (s streams) printJSON(settings []*setting) error {
	type entry struct {
		Name    string `json:"name"`
		Value   string `json:"value"`
		Default string `json:"default"`
		Meaning string `json:"meaning"`
		Set     bool   `json:"set"`
		Problem string `json:"problem,omitempty"`
	}
	list := make([]entry, 0, len(settings))
	for _, setting := range settings {
		e := entry{Name: setting.name, Value: setting.shown(), Default: setting.fallback, Meaning: setting.meaning, Set: setting.isSet}
		for _, p := range setting.problems {
			e.Value, e.Problem = "", p.Text
		}
		list = append(list, e)
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(list); err != nil {
		return fmt.Errorf("app: write the result: %w", err)
	}
	return nil
}
