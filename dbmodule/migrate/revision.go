package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// Revision is one step of a schema's history.
type Revision = graph.Revision

// Step is one revision to run or to stamp, with its changes to the version table.
type Step = graph.Step

// Script is the SQL of a revision on one engine.
type Script struct {
	Upgrade, Downgrade []Statement
	// Irreversible says that the script has no downgrade section.
	Irreversible bool
	// File is the path of the SQL file within its source; "" for a script from the
	// database's history.
	File string

	engine dbmodule.Engine
}

// Statement is one SQL statement of a script.
type Statement struct {
	// Text has neither a semicolon at its end nor the comments before it.
	Text string
	// NoTransaction marks a statement that must run outside a transaction.
	NoTransaction bool
	// Line is the line of the file on which the statement begins, from 1; 0 if the
	// statement is not from a file.
	Line int
}

// Code is a revision in Go functions, for work that SQL can't do. The
// revision's folder then has revision.txt and no SQL.
//
// The db of Upgrade and Downgrade is a transaction, in which the version table is
// written too. On MySQL and MariaDB a rollback does not undo DDL: after a function has
// failed, the next run calls it again from its start, so it must tolerate DDL that it
// ran before.
type Code struct {
	// Revision is the id in revision.txt.
	Revision string
	Upgrade  func(ctx context.Context, db bun.IDB) error
	// Backfill replaces Upgrade if many rows change. It is called once for each piece,
	// each time with another transaction.
	Backfill BackfillFunc
	// Downgrade is nil for a revision that can't be downgraded.
	Downgrade func(ctx context.Context, db bun.IDB) error
}

// content is what a revision does: SQL for some engines, or Go code.
type content struct {
	scripts map[dbmodule.Engine]Script
	code    *Code
	// unread is the error of reading all.sql as SQL of an engine. Only programs that run on
	// this engine return it.
	unread map[dbmodule.Engine]error
}

// contents are the contents of revisions, by their ids.
type contents map[string]content

// with returns these contents and the others.
func (c contents) with(others contents) contents {
	both := maps.Clone(c)
	maps.Copy(both, others)
	return both
}

// script returns a revision's SQL for the engine.
func (c contents) script(r *Revision, engine dbmodule.Engine) (Script, error) {
	if c.isCode(r) {
		return Script{}, fmt.Errorf("migrate: revision %s is Go code: it has no SQL to show", r.ID)
	}
	script, ok := c[r.ID].scripts[engine]
	if err := c[r.ID].unread[engine]; err != nil {
		return Script{}, fmt.Errorf("migrate: read revision: %w", err)
	}
	if !ok {
		return Script{}, fmt.Errorf("migrate: revision %s has %w for %s: add %s.sql to the folder %s", r.ID, ErrNoScript, engine, engine, r.Folder)
	}
	return script, nil
}

func (c contents) isCode(r *Revision) bool { return c[r.ID].code != nil }

// ErrNoScript is the error of [Migrator.Script] for a revision that has no SQL
// for an engine.
var ErrNoScript = errors.New("no SQL")

// Script returns the SQL of one of the program's revisions for the engine. If
// there is none, the error is an [ErrNoScript] that names the missing file. It is
// another error if all.sql can't be read as SQL of the engine, or if the revision is
// Go code.
func (m *Migrator) Script(r *Revision, engine dbmodule.Engine) (Script, error) {
	return m.contents.script(r, engine)
}

// IsCode reports whether one of the program's revisions is Go code rather than
// SQL.
func (m *Migrator) IsCode(r *Revision) bool { return m.contents.isCode(r) }
