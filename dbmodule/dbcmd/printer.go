package dbcmd

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// graph returns the graph of all revisions, without a database.
func (t *tree) graph(cmd *cobra.Command) (*graph.Graph, error) {
	m, _, err := t.migrator(cmd)
	if err != nil {
		return nil, err
	}
	return m.Graph(), nil
}

// printer returns a printer that prints revisions of a graph as Alembic does.
func (t *tree) printer(cmd *cobra.Command, g *graph.Graph, verbose bool) (graph.Printer, error) {
	p := graph.Printer{Graph: g, Verbose: verbose}
	onDisk, err := t.usesFolder(cmd)
	if err != nil || !onDisk {
		return p, err
	}
	full, err := filepath.Abs(t.dir)
	if err != nil {
		full = t.dir
	}
	p.Root = filepath.ToSlash(full)
	return p, nil
}

// offline calls work with a printer of the program's revisions. It needs no database.
func (t *tree) offline(cmd *cobra.Command, verbose bool, work func(graph.Printer) error) error {
	g, err := t.graph(cmd)
	if err != nil {
		return err
	}
	p, err := t.printer(cmd, g, verbose)
	if err != nil {
		return err
	}
	return work(p)
}

// online calls work with a printer of the program's revisions and of those that only the database's
// history has. The printer marks the revisions in the version table.
func (t *tree) online(cmd *cobra.Command, verbose bool, work func(graph.Printer) error) error {
	return t.migrating(cmd, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error {
		current, err := m.Current(ctx, db.DB())
		if err != nil {
			return err
		}
		g, err := m.DatabaseGraph(ctx, db.DB())
		if err != nil {
			return err
		}
		p, err := t.printer(cmd, g, verbose)
		if err != nil {
			return err
		}
		p.Current = append([]string{}, current...)
		return work(p)
	})
}

// lines prints the text of each revision, with a line end.
func lines(cmd *cobra.Command, revisions []*migrate.Revision, text func(*migrate.Revision) string) error {
	var b strings.Builder
	for _, r := range revisions {
		b.WriteString(text(r) + "\n")
	}
	return say(cmd, "%s", b.String())
}
