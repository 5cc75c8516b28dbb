package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// dbState is what the version table and the history of a database say about its revisions.
type dbState struct {
	ledger  *ledger
	heads   []string // the rows of the version table
	entries []Entry  // the history, oldest first
	// graph has the revisions of this build, and the applied ones that only the history knows.
	graph    *graph.Graph
	contents contents
	// foreign are the ids of the applied revisions that only the history knows.
	foreign []string
	// unknown are the heads that graph does not have.
	unknown []string
	// own is the part of the state that belongs to this program.
	own ownPart
}

// read reads the version table and the history. A table that does not exist counts as empty.
func (m *Migrator) read(ctx context.Context, db bun.IDB) (*dbState, error) {
	l, err := locate(ctx, db, m.table)
	if err != nil {
		return nil, err
	}
	s := &dbState{graph: m.graph, contents: m.contents, ledger: l}
	if l.hasVersion {
		if s.heads, err = l.heads(ctx, db); err != nil {
			return nil, err
		}
	}
	if l.hasHistory {
		if s.entries, err = l.history(ctx, db); err != nil {
			return nil, err
		}
	}
	if err := s.addForeign(ctx, db, m.graph); err != nil {
		return nil, err
	}
	for _, head := range s.heads {
		if !s.graph.Has(head) {
			s.unknown = append(s.unknown, head)
		}
	}
	s.own, err = s.findOwnPart(m.graph)
	return s, err
}

// addForeign adds the applied revisions that this build does not have, with their downgrade SQL
// from the history.
func (s *dbState) addForeign(ctx context.Context, db bun.IDB, own *graph.Graph) error {
	var ids []int64
	latest := s.latest()
	for id, entry := range latest {
		if !own.Has(id) && entry.applied() {
			ids = append(ids, entry.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	entries, err := s.ledger.entries(ctx, db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id IN (?)", bun.List(ids)) })
	if err != nil {
		return err
	}
	engine := s.ledger.engine
	revisions, found := make([]*Revision, len(entries)), contents{}
	for i := range entries {
		revisions[i] = entries[i].revision()
		if entries[i].DownSQL == nil {
			continue
		}
		down, err := splitStatements(engine, section{text: *entries[i].DownSQL, line: 1})
		if err != nil {
			return fmt.Errorf("migrate: read %s: revision %s: %w", s.ledger.historyTable, entries[i].Revision, err)
		}
		found[entries[i].Revision] = content{scripts: map[dbmodule.Engine]Script{engine: {Downgrade: down}}}
	}
	s.graph, err = own.With(revisions...)
	if err != nil {
		return fmt.Errorf("migrate: revisions that only %s knows: %w", s.ledger.historyTable, err)
	}
	s.contents = s.contents.with(found)
	for _, r := range revisions {
		s.foreign = append(s.foreign, r.ID)
	}
	slices.Sort(s.foreign)
	return nil
}

// latest returns the last entry of each revision that is not given up.
func (s *dbState) latest() map[string]*Entry {
	latest := map[string]*Entry{}
	for i := range s.entries {
		if entry := &s.entries[i]; entry.Status != StatusGivenUp {
			latest[entry.Revision] = entry
		}
	}
	return latest
}

// applied reports whether the revision is applied according to the entry.
func (e *Entry) applied() bool {
	if e.Status == StatusDone {
		return e.Direction != graph.Downgrade
	}
	return e.Direction == graph.Downgrade
}

// running returns the entries of this program's steps that have begun and are not complete.
func (s *dbState) running() []*Entry {
	var running []*Entry
	for i := range s.entries {
		if s.entries[i].Status == StatusRunning && s.isOurs(&s.entries[i]) {
			running = append(running, &s.entries[i])
		}
	}
	return running
}

// isForeign reports whether this build does not have the revision.
func (s *dbState) isForeign(id string) bool {
	return !s.graph.Has(id) || slices.Contains(s.foreign, id)
}

// UnknownVersionError says that the version table has revisions that neither this build
// nor the database's history knows.
type UnknownVersionError struct {
	// Revisions are these rows of the version table.
	Revisions []string
}

// Error names the revisions, and says what to do.
func (e *UnknownVersionError) Error() string {
	return fmt.Sprintf("migrate: the database is at revision %s, which this program does not know: another program or build stamped it; "+
		"use that one; if it is another program's, give each a version table of its own (Source.VersionTable); "+
		"if the schema is known to be that of another revision, record it with stamp --purge",
		strings.Join(e.Revisions, ", "))
}

// checkKnown returns an UnknownVersionError if the version table has revisions that are unknown.
func (s *dbState) checkKnown() error {
	if len(s.unknown) > 0 {
		return &UnknownVersionError{Revisions: s.unknown}
	}
	return nil
}

// state returns the state of the revisions, for commands and health checks.
func (s *dbState) state(own *graph.Graph, engine dbmodule.Engine) (dbmodule.RevisionState, error) {
	state := dbmodule.RevisionState{Current: s.heads, Unknown: s.unknown}
	for _, head := range own.Heads() {
		state.Heads = append(state.Heads, head.ID)
	}
	for _, entry := range s.running() {
		if s.isForeign(entry.Revision) {
			state.AheadDirty = append(state.AheadDirty, entry.Revision)
		} else {
			state.Dirty = append(state.Dirty, entry.Revision)
		}
	}
	applied, err := s.graph.Applied(s.knownHeads())
	if err != nil {
		return state, err
	}
	isApplied := map[string]bool{}
	for _, r := range applied {
		isApplied[r.ID] = true
		if slices.Contains(s.foreign, r.ID) && !slices.Contains(s.own.others, r.ID) {
			state.Ahead = append(state.Ahead, r.ID)
		}
	}
	latest := s.latest()
	for _, r := range own.Revisions() {
		if !isApplied[r.ID] {
			state.Pending = append(state.Pending, r.ID)
		} else if s.drifted(r, latest[r.ID], engine) {
			state.Drifted = append(state.Drifted, r.ID)
		}
	}
	overlap := (*graph.OverlapError)(nil)
	if _, err := s.graph.Pending(s.knownHeads()); errors.As(err, &overlap) {
		state.Overlapping = overlap.Below
	}
	if state.Current == nil {
		state.Current = []string{}
	}
	return state, nil
}

// drifted reports whether somebody changed the SQL of a revision after it was applied. entry is
// the revision's last one in the history, or nil.
func (s *dbState) drifted(r *Revision, entry *Entry, engine dbmodule.Engine) bool {
	if entry == nil || entry.Checksum == "" || !entry.applied() {
		return false
	}
	script, err := s.contents.script(r, engine)
	return err == nil && checksum(script.Upgrade) != entry.Checksum && !slices.Contains(r.Replaces, entry.Checksum)
}
