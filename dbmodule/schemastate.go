package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SchemaState says whether the database's schema is what the program needs.
type SchemaState struct {
	Ready bool `json:"ready"`
	// Missing names the models' tables that are not there.
	Missing []string `json:"missing,omitempty"`
	// Revisions is nil without a [Migrator].
	Revisions *RevisionState `json:"revisions,omitempty"`
}

// Problems lists what keeps the schema from being ready, and what is strange
// about it without doing so, each as half a sentence.
func (s SchemaState) Problems() (hindering, strange []string) {
	list := func(what string, names []string) string { return what + strings.Join(names, ", ") }
	if len(s.Missing) > 0 {
		hindering = append(hindering, list("tables are missing: ", s.Missing))
	}
	r := s.Revisions
	if r == nil {
		return hindering, nil
	}
	if r.Migrating {
		hindering = append(hindering, "revisions are being applied")
	}
	for _, kind := range []struct {
		what  string
		names []string
		fatal bool
	}{
		{"the schema is behind: revisions are pending: ", r.Pending, true},
		{"revisions are not complete: ", r.Dirty, true},
		{"the database is at revisions that this program does not know: ", r.Unknown, true},
		{"revisions were changed after they had been applied: ", r.Drifted, false},
		{"the database is ahead: a newer build applied ", r.Ahead, false},
	} {
		switch {
		case len(kind.names) == 0:
		case kind.fatal:
			hindering = append(hindering, list(kind.what, kind.names))
		default:
			strange = append(strange, list(kind.what, kind.names))
		}
	}
	return hindering, strange
}

// SchemaState looks for the models' tables and, with a [Migrator], at the
// revisions. Without a [TableManager] it can't tell about tables. Unless the
// mode is migrate or check, a database on which no revision is recorded is
// ready without.
func (d *Database) SchemaState(ctx context.Context) (SchemaState, error) {
	ctx = Unobserved(ctx)
	s := d.sessions.New(ReadOnly(), func(o *sessionOptions) { o.ungated = true })
	state, err := d.schemaState(ctx, s)
	if err = errors.Join(err, s.Close()); err != nil {
		return SchemaState{}, fmt.Errorf("dbmodule: read schema: %w", err)
	}
	return state, nil
}

func (d *Database) schemaState(ctx context.Context, s *Session) (state SchemaState, err error) {
	if d.tables != nil && len(d.models) > 0 {
		if state.Missing, err = d.tables.Missing(ctx, s, d.models); err != nil {
			return state, err
		}
	}
	state.Ready = len(state.Missing) == 0
	if d.migrator == nil {
		return state, nil
	}
	revisions, err := d.migrator.State(ctx, s)
	if err != nil {
		return state, err
	}
	state.Revisions = &revisions
	d.noteRevisions(revisions.Current)
	if d.config.Schema.needsMigrator() || len(revisions.Current) > 0 {
		state.Ready = state.Ready && revisions.Ready()
	}
	return state, nil
}

// noteRevisions has statements prepared again when the schema is at other revisions
// than it was: somebody else has applied some.
func (d *Database) noteRevisions(current []string) {
	current = slices.Clone(current)
	if before := d.revisions.Swap(&current); before == nil || !slices.Equal(*before, current) {
		d.shapes.SchemaChanged()
	}
}
