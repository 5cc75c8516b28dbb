package dbmodule

import (
	"context"

	"github.com/uptrace/bun"
)

// Migrator brings a database from revision to revision; migrate.New makes one.
// The interface is here so that this package doesn't link what reads and runs
// revisions. Implementations are safe for concurrent use.
type Migrator interface {
	// UpgradeHeads runs the revisions that the database lacks. A database
	// that is ahead of them stays as it is.
	UpgradeHeads(ctx context.Context, d *Database) error
	// StampHeads records all revisions as applied without running them.
	StampHeads(ctx context.Context, d *Database) error
	// State says where the database stands. It only reads.
	State(ctx context.Context, db bun.IDB) (RevisionState, error)
}

// RevisionState is where a database stands among the revisions of a program.
// Lists are sorted, or in the order in which revisions apply.
type RevisionState struct {
	// Current are the rows of the version table.
	Current []string `json:"current"`
	// Heads are the newest revisions of this program.
	Heads []string `json:"heads"`
	// Pending are this program's revisions that the database lacks.
	Pending []string `json:"pending,omitempty"`
	// Dirty are revisions that were begun and are not complete.
	Dirty []string `json:"dirty,omitempty"`
	// Drifted are applied revisions whose SQL has changed since.
	Drifted []string `json:"drifted,omitempty"`
	// Ahead are applied revisions that only the database's history knows: a
	// newer build ran them.
	Ahead []string `json:"ahead,omitempty"`
	// Unknown are rows of the version table that nobody knows here.
	Unknown []string `json:"unknown,omitempty"`
	// Migrating says that this process is applying revisions at the moment.
	Migrating bool `json:"migrating,omitempty"`
}

// Behind reports whether revisions are missing.
func (s RevisionState) Behind() bool { return len(s.Pending) > 0 }

// Ready reports whether this program can work on the database: nothing is
// missing, half done or unknown. Revisions of a newer build don't hinder it,
// nor does one that was edited after it ran.
func (s RevisionState) Ready() bool {
	return !s.Migrating && !s.Behind() && len(s.Dirty) == 0 && len(s.Unknown) == 0
}
