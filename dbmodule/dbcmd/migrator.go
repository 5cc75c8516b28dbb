package dbcmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// migrator returns a Migrator of all revisions, and the reporter of its progress on standard error.
// It returns an error if a revision is invalid.
func (t *tree) migrator(cmd *cobra.Command) (*migrate.Migrator, *progress, error) {
	sources, err := t.sources(cmd)
	if err != nil {
		return nil, nil, err
	}
	p := newProgress(cmd.ErrOrStderr())
	m, err := migrate.New(sources, migrate.WithBuild(t.config.Build), migrate.WithProgress(p.report))
	return m, p, err
}

// migrating calls work with the migrator and the connected database. If ctx ends during work, the
// error says which revisions the database then has.
func (t *tree) migrating(cmd *cobra.Command, work func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error) error {
	m, p, err := t.migrator(cmd)
	if err != nil {
		return err
	}
	return t.connected(cmd, func(ctx context.Context, db *dbmodule.Database) error {
		err := work(ctx, m, db)
		p.finish()
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("dbcmd: %s: stopped early (%w): %s: %w", cmd.Name(), context.Cause(ctx), stateText(ctx, m, db), err)
		}
		return err
	})
}

// stateText says which revisions the database has, after work that did not complete.
func stateText(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) string {
	const limit = 5 * time.Second // the server may not answer, and that may be why the user stopped the command
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	state, err := m.State(ctx, db.DB())
	if err != nil {
		return fmt.Sprintf("where it left the database can't be read: %s", err)
	}
	text := "the database is at " + names(state.Current, "base")
	if len(state.Dirty) > 0 {
		text += ", and " + names(state.Dirty, "") + " is done in part: the same command goes on with it"
	} else {
		text += ": nothing is done in part, and the same command goes on from there"
	}
	return text
}

// names joins ids by commas. It returns none if there are no ids.
func names(ids []string, none string) string {
	if len(ids) == 0 {
		return none
	}
	return strings.Join(ids, ", ")
}

// refuseRange returns a usage error if target is a range: the command takes one revision.
func refuseRange(cmd *cobra.Command, target string) error {
	if strings.Contains(target, ":") {
		return usage(cmd, "%s: range revision not allowed: only --sql takes from:to", target)
	}
	return nil
}
