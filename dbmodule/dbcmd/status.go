package dbcmd

import (
	"context"
	"slices"
	"time"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// status describes a database: its revision, and the state of each revision in it.
type status struct {
	Database string                 `json:"database"`
	Engine   dbmodule.Engine        `json:"engine"`
	State    dbmodule.RevisionState `json:"state"`
	// Revisions are in the order in which an upgrade applies them.
	Revisions []revisionStatus `json:"revisions"`
}

// revisionStatus is the state of one revision in a database.
type revisionStatus struct {
	Revision string `json:"revision"`
	Message  string `json:"message"`
	// Status is applied, pending, dirty, drifted, ahead or unknown.
	Status string `json:"status"`
	Head   bool   `json:"head,omitempty"`
	// AppliedAt, Duration and Build are absent if the history does not have them, for
	// example because Alembic applied the revision.
	AppliedAt *time.Time     `json:"applied_at,omitempty"`
	Duration  *time.Duration `json:"duration_ns,omitempty"`
	Stamped   bool           `json:"stamped,omitempty"`
	Build     string         `json:"build,omitempty"`
	// Done of Total statements are complete, and Error says why the next one failed.
	Done  int    `json:"statements_done,omitempty"`
	Total int    `json:"statements_total,omitempty"`
	Error string `json:"error,omitempty"`
}

func readStatus(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) (status, error) {
	s := status{Database: db.URL().String(), Engine: db.Engine()}
	var err error
	if s.State, err = m.State(ctx, db.DB()); err != nil {
		return s, err
	}
	g, err := m.DatabaseGraph(ctx, db.DB())
	if err != nil {
		return s, err
	}
	entries, err := m.History(ctx, db.DB())
	if err != nil {
		return s, err
	}
	latest := map[string]migrate.Entry{}
	for _, entry := range entries {
		if entry.Status != migrate.StatusGivenUp {
			latest[entry.Revision] = entry
		}
	}
	kinds := kindsOf(s.State)
	for _, r := range g.Revisions() {
		one := revisionStatus{Revision: r.ID, Message: r.Message, Status: kinds.of(r.ID), Head: g.IsHead(r.ID)}
		if entry, ok := latest[r.ID]; ok {
			one.add(entry)
		}
		s.Revisions = append(s.Revisions, one)
	}
	for _, id := range s.State.Unknown {
		s.Revisions = append(s.Revisions, revisionStatus{Revision: id, Status: "unknown"})
	}
	return s, nil
}

// add adds what the history says about the revision.
func (r *revisionStatus) add(entry migrate.Entry) {
	if entry.Status == migrate.StatusRunning {
		r.Done, r.Total, r.Error = entry.StatementsDone, entry.StatementsTotal, entry.Error
	} else if r.Status == "pending" {
		return // the revision was downgraded after this
	}
	started, took := entry.StartedAt.UTC(), entry.Duration
	r.AppliedAt, r.Build = &started, entry.Build
	if r.Stamped = entry.Direction == graph.Stamp; !r.Stamped {
		r.Duration = &took
	}
}

// kinds maps the id of a revision to its status, if that is not "applied".
type kinds map[string]string

func kindsOf(s dbmodule.RevisionState) kinds {
	k := kinds{}
	for _, list := range []struct {
		kind string
		ids  []string
	}{
		{"pending", s.Pending},
		{"ahead", s.Ahead},
		{"drifted", s.Drifted},
		{"dirty", slices.Concat(s.Dirty, s.AheadDirty)},
	} {
		for _, id := range list.ids {
			k[id] = list.kind
		}
	}
	return k
}

func (k kinds) of(id string) string {
	if kind, ok := k[id]; ok {
		return kind
	}
	return "applied"
}
