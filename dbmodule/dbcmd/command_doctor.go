package dbcmd

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/doctor"
)

func (t *tree) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with the database and its settings, and what to do",
		Long: "Examines the settings, the connection, what the account may do, and the server: version,\n" +
			"isolation, time zone, encoding, durability, limits, locks, clock, schema. On SQLite also the\n" +
			"file, its folder and its disk. It tries once to connect, and without a connection checks\n" +
			"as much as it can. It changes nothing: to see whether tables can be created, it creates\n" +
			"an empty one and undoes that at once.\n\n" +
			"The exit code is 0 if nothing is wrong or there are only warnings, and 1 otherwise.",
		Example: t.examples("doctor", "doctor --json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			return t.doctor(cmd, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (t *tree) doctor(cmd *cobra.Command, asJSON bool) error {
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	var report doctor.Report
	s, err := t.settings()
	if err != nil {
		report.Findings = settingsFindings(err)
	} else {
		options := doctor.Options{Log: s.Log, Models: t.config.Models}
		if files, err := t.files(cmd); err != nil {
			return err
		} else if files != nil {
			if options.Migrator, _, err = t.migrator(cmd); err != nil {
				return err
			}
		}
		report = doctor.Examine(ctx, s.Database, options)
	}
	for _, note := range s.Notes {
		report.Findings = append(report.Findings, doctor.Finding{Check: "settings", Level: doctor.Warning, Found: note, Do: "correct its name, or remove it"})
	}
	if asJSON {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return fmt.Errorf("dbcmd: doctor: %w", err)
		}
		err = say(cmd, "%s\n", text)
		if err != nil {
			return err
		}
	} else if err := say(cmd, "%s", doctorTable(report)); err != nil {
		return err
	}
	if n := report.Count(doctor.Wrong); n > 0 {
		return fmt.Errorf("dbcmd: doctor: %s found something wrong", plural(n, "check"))
	}
	return nil
}

// settingsFindings returns the findings of a report if the settings can't be read: one for each
// error that is joined in err.
func settingsFindings(err error) []doctor.Finding {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	var findings []doctor.Finding
	for _, err := range all {
		findings = append(findings, doctor.Finding{
			Check: "settings", Level: doctor.Wrong, Found: err.Error(), Do: "correct it: nothing else can be examined before",
		})
	}
	return findings
}

// doctorTable returns the report for people: one line for each finding, and below a
// problem what to do about it.
func doctorTable(r doctor.Report) string {
	var b strings.Builder
	if r.Database != "" {
		fmt.Fprintf(&b, "database  %s: %s\n", r.Engine, r.Database)
	}
	fmt.Fprintf(&b, "found     %d wrong, %s, %d ok, %d skipped\n\n", r.Count(doctor.Wrong), plural(r.Count(doctor.Warning), "warning"), r.Count(doctor.OK), r.Count(doctor.Skipped))
	width := 0
	for _, f := range r.Findings {
		width = max(width, len(f.Check))
	}
	for _, f := range r.Findings {
		level := string(f.Level)
		if f.Level == doctor.Wrong || f.Level == doctor.Warning {
			level = strings.ToUpper(level)
		}
		fmt.Fprintf(&b, "%-8s  %-*s  %s\n", level, width, f.Check, strings.Join(strings.Fields(f.Found), " "))
		if f.Do != "" {
			fmt.Fprintf(&b, "%-8s  %-*s  do: %s\n", "", width, "", f.Do)
		}
	}
	return b.String()
}
