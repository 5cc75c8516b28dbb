package dbcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// replay runs the revisions up, down and up again on SQLite in memory. It finds
// revisions that fail, objects that a downgrade leaves behind, and differences between
// the final schema and the models.
func (t *tree) replay(ctx context.Context, cmd *cobra.Command, m *migrate.Migrator) (findings []finding, err error) {
	err = onScratch(ctx, m, func(s *scratch) error {
		for _, r := range m.Graph().Revisions() {
			found, err := s.try(ctx, r)
			if err != nil {
				return err
			}
			if found != nil {
				findings = append(findings, *found)
			}
			if s.broken {
				return nil
			}
		}
		if len(t.config.Models) == 0 {
			return nil
		}
		d, err := t.liveDraft(ctx, cmd, s.db, nil)
		if err != nil {
			return err
		}
		findings = append(findings, leftAlone("sqlite, after all revisions", d.LeftAlone)...)
		if d.Empty() {
			return nil
		}
		findings = append(findings, finding{
			where: "sqlite, after all revisions",
			text:  "the tables differ from the models: a revision lacks a statement, or somebody changed its SQL: " + operations(d),
		})
		return nil
	})
	return findings, err
}

// scratch is a SQLite database in memory to try revisions on.
type scratch struct {
	db *dbmodule.Database
	m  *migrate.Migrator
	// broken is true once a revision has failed: the schema is then unknown.
	broken bool
}

func onScratch(ctx context.Context, m *migrate.Migrator, work func(*scratch) error) (err error) {
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Connect(ctx); err != nil {
		return err
	}
	return work(&scratch{db: db, m: m})
}

// try runs one revision, whose parents were run before, up, down and up again.
func (s *scratch) try(ctx context.Context, r *migrate.Revision) (*finding, error) {
	before, err := s.schema(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.m.Upgrade(ctx, s.db, r.ID); err != nil {
		return s.failed(ctx, r, "upgrade on SQLite", err)
	}
	target, ok := s.downTarget(r)
	if !ok {
		return nil, nil
	}
	if _, err := s.m.Downgrade(ctx, s.db, target); err != nil {
		return s.failed(ctx, r, "downgrade on SQLite", err)
	}
	after, err := s.schema(ctx)
	if err != nil {
		return nil, err
	}
	found, err := restored(ctx, r, before, after)
	if err != nil {
		return nil, err
	}
	if _, err := s.m.Upgrade(ctx, s.db, r.ID); err != nil {
		return s.failed(ctx, r, "upgrade on SQLite after a downgrade", err)
	}
	return found, nil
}

// failed turns an error into a finding. If the context has ended, it returns the
// error itself.
func (s *scratch) failed(ctx context.Context, r *migrate.Revision, what string, err error) (*finding, error) {
	if ctx.Err() != nil {
		return nil, err
	}
	s.broken = true
	return &finding{where: r.Folder, text: what + ": " + strings.TrimPrefix(err.Error(), "migrate: ")}, nil
}

// downTarget returns the target of the downgrade that undoes the revision and no
// other. ok is false if there is no such target, or if the revision can't be undone.
func (s *scratch) downTarget(r *migrate.Revision) (target string, ok bool) {
	if script, err := s.m.Script(r, dbmodule.SQLite); err == nil && script.Irreversible {
		return "", false
	}
	g := s.m.Graph()
	switch {
	case r.IsMergePoint() || len(r.DependsOn) > 0 || hasDependents(g, r):
		return "", false
	case r.IsBase():
		return "base", len(g.Bases()) == 1
	default:
		return r.DownRevisions[0], !g.IsBranchPoint(r.DownRevisions[0])
	}
}

// hasDependents reports whether another revision depends on r. A downgrade of r then undoes more
// than r.
func hasDependents(g *graph.Graph, r *migrate.Revision) bool {
	return slices.ContainsFunc(g.Revisions(), func(other *migrate.Revision) bool { return slices.Contains(other.DependsOn, r.ID) })
}

// restored compares the schema before an upgrade with the schema after the
// downgrade, and returns a finding if they differ.
func restored(ctx context.Context, r *migrate.Revision, before, after *schema.Realm) (*finding, error) {
	difference, err := autogen.Compare(ctx, dbmodule.SQLite, after, before)
	if err != nil {
		return nil, fmt.Errorf("dbcmd: lint: compare schemas: %w", err)
	}
	if difference.Empty() {
		return nil, nil
	}
	var missing []string
	for _, statement := range difference.Up {
		if hasPrefixFold(statement, "pragma ") {
			continue
		}
		missing = append(missing, firstLine(statement))
	}
	return &finding{
		where: r.Folder,
		text:  "its downgrade on SQLite does not restore the schema from before the upgrade; it lacks: " + strings.Join(missing, "; "),
	}, nil
}

// schema reads all tables except the tables of package migrate.
func (s *scratch) schema(ctx context.Context) (tables *schema.Realm, err error) {
	conn, err := s.db.DB().Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	found, err := autogen.InspectTables(ctx, conn)
	if err != nil {
		return nil, err
	}
	return found.Realm, nil
}
