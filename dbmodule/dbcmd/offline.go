package dbcmd

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// upgradeSQL prints the SQL of an upgrade: from base to a target, or from FROM to TO for a range.
func (t *tree) upgradeSQL(cmd *cobra.Command, target string) error {
	start := "base"
	if strings.Contains(target, ":") {
		var err error
		if start, target, err = cutRange(cmd, target); err != nil {
			return err
		}
	}
	return t.printSQL(cmd, start, func(g *graph.Graph, rows []string) ([]migrate.Step, error) {
		return g.UpgradePlan([]string{target}, rows)
	})
}

// downgradeSQL prints the SQL of a downgrade. The target must be a range, which says where the
// downgrade begins.
func (t *tree) downgradeSQL(cmd *cobra.Command, target string) error {
	if !strings.Contains(target, ":") {
		return usage(cmd, "downgrade with --sql requires <fromrev>:<torev>, for example current:%s", target)
	}
	start, target, err := cutRange(cmd, target)
	if err != nil {
		return err
	}
	return t.printSQL(cmd, start, func(g *graph.Graph, rows []string) ([]migrate.Step, error) {
		return g.DowngradePlan(target, rows)
	})
}

// stampSQL prints the SQL of a stamp. Targets may be ranges, if all of them begin at the same
// revision.
func (t *tree) stampSQL(cmd *cobra.Command, purge bool, args []string) error {
	start := ""
	targets := make([]string, len(args))
	for i, arg := range args {
		targets[i] = arg
		if !strings.Contains(arg, ":") {
			continue
		}
		from, target, err := cutRange(cmd, arg)
		if err != nil {
			return err
		}
		if start != "" && start != from {
			return usage(cmd, "stamp with --sql takes a single starting revision, not %s and %s", start, from)
		}
		start, targets[i] = from, target
	}
	plan := func(g *graph.Graph, rows []string) ([]migrate.Step, error) {
		if purge {
			rows = nil
		}
		return g.StampPlan(targets, rows)
	}
	if start == "" {
		start = "base"
	}
	if !purge {
		return t.printSQL(cmd, start, plan)
	}
	return t.printPlan(cmd, start, true, plan)
}

// cutRange splits FROM:TO. It returns a usage error if one of the two is missing.
func cutRange(cmd *cobra.Command, text string) (start, end string, err error) {
	start, end, err = graph.CutRange(text)
	if err != nil || start == "" || end == "" {
		return "", "", usage(cmd, "%s is no range: want FROM:TO", text)
	}
	return start, end, nil
}

// planFunc returns the steps for a database whose version table has these rows.
type planFunc func(g *graph.Graph, rows []string) ([]migrate.Step, error)

func (t *tree) printSQL(cmd *cobra.Command, start string, plan planFunc) error {
	return t.printPlan(cmd, start, false, plan)
}

// printPlan prints the SQL of the steps that plan returns. With purge, it first prints SQL that
// empties the version table.
func (t *tree) printPlan(cmd *cobra.Command, start string, purge bool, plan planFunc) error {
	m, _, err := t.migrator(cmd)
	if err != nil {
		return err
	}
	write := func(db *dbmodule.Database, g *graph.Graph, rows []string) error {
		steps, err := plan(g, rows)
		if err != nil {
			return err
		}
		steps, note := t.printable(m, steps)
		if note != "" {
			tell(cmd, "NOTE: %s\n", note)
			note = "-- NOTE: " + note + "\n"
		}
		var tables, all bytes.Buffer
		for _, b := range []*bytes.Buffer{&tables, &all} {
			b.WriteString(note)
		}
		if err := m.WriteSQL(&tables, db, nil); err != nil {
			return err
		}
		if err := m.WriteSQL(&all, db, steps); err != nil {
			return err
		}
		between := ""
		if purge {
			between = "\n" + m.PurgeSQL(db.Engine())
		}
		return say(cmd, "%s", tables.String()+between+strings.TrimPrefix(all.String(), tables.String()))
	}
	if start == currentSymbol {
		return t.connected(cmd, func(ctx context.Context, db *dbmodule.Database) error {
			g, rows, err := m.Standing(ctx, db.DB())
			if err != nil {
				return err
			}
			return write(db, g, rows)
		})
	}
	rows, err := rowsOf(m.Graph(), start)
	if err != nil {
		return err
	}
	return t.unconnected(func(db *dbmodule.Database) error { return write(db, m.Graph(), rows) })
}

// printable returns the steps before the first one that is Go code, and a note about the others: Go
// code can't be printed as SQL. If the first step of all is Go code, printable returns all steps,
// and WriteSQL returns an error.
func (t *tree) printable(m *migrate.Migrator, steps []migrate.Step) (printed []migrate.Step, note string) {
	at := slices.IndexFunc(steps, func(s migrate.Step) bool { return s.Direction != graph.Stamp && m.IsCode(s.Revision) })
	if at <= 0 {
		return steps, ""
	}
	first := steps[at]
	return steps[:at], fmt.Sprintf("this SQL ends before %s of revision %s (%s), which is Go code: when it has run, \"%s\" does the rest, %s",
		first.Direction, first.Revision.ID, first.Revision.Message, t.path(string(first.Direction)), plural(len(steps)-at, "revision"))
}

// rowsOf returns the rows of the version table of a database that is at the revisions of symbol.
func rowsOf(g *graph.Graph, symbol string) ([]string, error) {
	revisions, err := g.Select(symbol)
	if err != nil {
		return nil, fmt.Errorf("dbcmd: where to begin: %w", err)
	}
	var rows []string
	for _, r := range revisions {
		rows = append(rows, r.ID)
	}
	return rows, nil
}
