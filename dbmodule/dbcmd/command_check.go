package dbcmd

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func (t *tree) checkCommand() *cobra.Command {
	var offline, live bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Fail if models, revisions and database do not agree",
		Long: "Fails if\n" +
			"  - the models changed, so that \"revision --autogenerate\" would write something;\n" +
			"  - the revisions do not fit together;\n" +
			"  - the database lacks a revision;\n" +
			"  - the database has a revision that is done in part, that was changed after it had been\n" +
			"    applied, or that is unknown;\n" +
			"  - the version table has rows of which one comes after another.\n" +
			"It changes nothing.\n\n" +
			"With --offline it needs no database, for a pipeline that has none. With --live it also\n" +
			"compares the tables in the database with the models. It names objects that models can't\n" +
			"describe (an index on an expression, GIN, a generated column) or that it can't read, and\n" +
			"leaves them alone. It does not report objects that a model's method Unmanaged names.",
		Example: t.examples("check", "check --offline", "check --live"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			m, _, err := t.migrator(cmd)
			if err != nil {
				return err
			}
			findings, err := t.checkModels(cmd)
			if err != nil {
				return err
			}
			if !offline {
				found, err := t.checkConnected(cmd, m, live)
				if err != nil {
					return errors.Join(list(cmd, findings), err)
				}
				findings = append(findings, found...)
			}
			return conclude(cmd, findings, "No new upgrade operations detected.")
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "ask no database")
	cmd.Flags().BoolVar(&live, "live", false, "compare the database's tables with the models, too")
	cmd.MarkFlagsMutuallyExclusive("offline", "live")
	return cmd
}

// checkModels returns a finding for each engine on which autogenerate would write statements, and
// none for a program without models.
func (t *tree) checkModels(cmd *cobra.Command) ([]finding, error) {
	if len(t.config.Models) == 0 {
		return nil, nil
	}
	drafts, err := t.drafts(cmd.Context(), cmd, nil)
	if err != nil {
		return nil, err
	}
	var findings []finding
	for _, d := range drafts {
		if !d.Empty() {
			findings = append(findings, finding{
				where: path.Join(t.dir, snapshotName(d.engine)),
				text:  fmt.Sprintf("new upgrade operations detected: %s: run \"%s --autogenerate\"", operations(d.Draft), t.path("revision")),
			})
		}
	}
	return findings, nil
}

// leftAlone returns a note for each object that a comparison left out.
func leftAlone(where string, left []autogen.LeftAlone) []finding {
	var notes []finding
	for _, l := range left {
		notes = append(notes, finding{where: where, text: l.String(), note: true})
	}
	return notes
}

// operations returns the first lines of a draft's first statements, and the number of the others.
func operations(d autogen.Draft) string {
	const enough = 3
	statements := d.Up
	if len(statements) == 0 {
		statements = d.Down
	}
	var texts []string
	for _, statement := range statements[:min(enough, len(statements))] {
		texts = append(texts, firstLine(statement))
	}
	if more := len(statements) - enough; more > 0 {
		texts = append(texts, plural(more, "more statement"))
	}
	return strings.Join(texts, "; ")
}

func (t *tree) checkConnected(cmd *cobra.Command, m *migrate.Migrator, live bool) (findings []finding, err error) {
	err = t.connected(cmd, func(ctx context.Context, db *dbmodule.Database) error {
		findings, err = t.checkDatabase(ctx, cmd, m, db, live)
		return err
	})
	if errors.Is(err, errNoSettings) {
		err = fmt.Errorf("%w; or add --offline: then no database is needed", err)
	}
	return findings, err
}

// driftedFindings returns a finding for each revision that was changed after it had been applied.
// Each finding has the checksum with which a person can accept a change that this database does not
// need.
func driftedFindings(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database, where string, ids []string) ([]finding, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	history, err := m.History(ctx, db.DB())
	if err != nil {
		return nil, err
	}
	checksums := map[string]string{}
	for _, entry := range history {
		if entry.Checksum != "" && entry.Direction != graph.Downgrade {
			checksums[entry.Revision] = entry.Checksum
		}
	}
	var findings []finding
	for _, id := range ids {
		findings = append(findings, finding{where: where, text: fmt.Sprintf("revision %s was changed after it had been applied here: put it back as it was, and write a new revision for the change; "+
			"if databases that have it need no change, add the line \"Replaces: %s\" to its revision.txt", id, checksums[id])})
	}
	return findings, nil
}

// checkDatabase compares the revisions that the database has with the program's, and with live also
// its tables with the models.
func (t *tree) checkDatabase(ctx context.Context, cmd *cobra.Command, m *migrate.Migrator, db *dbmodule.Database, live bool) ([]finding, error) {
	state, err := m.State(ctx, db.DB())
	if err != nil {
		return nil, err
	}
	where := string(db.Engine()) + " database"
	var findings []finding
	add := func(ids []string, note bool, format string) {
		if len(ids) > 0 {
			findings = append(findings, finding{where: where, text: fmt.Sprintf(format, names(ids, "")), note: note})
		}
	}
	add(state.Unknown, false, "it is at revision %s, which this program does not know: use the build that knows it, or mark the right revision with \""+t.path("stamp")+" --purge REVISION\"")
	add(state.Dirty, false, "revision %s is done in part: correct what stopped it, and run the same command again")
	add(state.Overlapping, false, "the version table has a row for %s and one for a revision that comes after it: if the schema has the later one, mark it with \""+t.path("stamp")+" REVISION\"")
	add(state.Pending, false, "target database is not up to date: it lacks %s: run \""+t.path("upgrade")+"\"")
	drifted, err := driftedFindings(ctx, m, db, where, state.Drifted)
	if err != nil {
		return nil, err
	}
	findings = append(findings, drifted...)
	add(state.Ahead, true, "a newer build has applied %s")
	add(state.AheadDirty, true, "a newer build has begun %s and not completed it")
	if !live {
		return findings, nil
	}
	if len(t.config.Models) == 0 {
		return nil, errNoModels
	}
	d, err := t.liveDraft(ctx, cmd, db, nil)
	if err != nil {
		return nil, err
	}
	findings = append(findings, leftAlone(where, d.LeftAlone)...)
	if !d.Empty() {
		findings = append(findings, finding{where: where, text: "its tables differ from the models: " + operations(d)})
	}
	return findings, nil
}
