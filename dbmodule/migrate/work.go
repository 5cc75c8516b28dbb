package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
	"github.com/openhands-go/server/dbmodule/migrate/internal/rebuild"
	"github.com/openhands-go/server/dbmodule/migrate/internal/restate"
	"github.com/openhands-go/server/dbmodule/migrate/internal/retype"
)

// work is what a step does on one engine.
type work struct {
	// code and backfill are nil for SQL.
	code       func(ctx context.Context, db bun.IDB) error
	backfill   BackfillFunc
	statements []Statement
	file       string
	// checksum is that of the upgrade, whichever direction this is.
	checksum string
	// downSQL takes the revision back; nil if nothing does.
	downSQL *string
	// rebuilds are the tables of SQLite that the statements rebuild.
	rebuilds []rebuild.Rebuild
	// restated are the statements that restate columns of MySQL, by index.
	restated map[int]*restate.Statement
	// other are the statements of the other direction, and foreign says that this
	// program does not have them.
	other   []string
	foreign bool
	// retyped are the statements that give columns of PostgreSQL another type, by
	// index.
	retyped map[int]*retype.Statement
}

// workOf finds what a step does. Nothing has run when it fails.
func workOf(step Step, all contents, engine dbmodule.Engine, foreign bool) (work, error) {
	r := step.Revision
	if code := all[r.ID].code; code != nil {
		return codeWork(step, code)
	}
	script, err := all.script(r, engine)
	if foreign {
		if err != nil || step.Direction != graph.Downgrade {
			return work{}, &IrreversibleError{Revision: r, Foreign: true}
		}
	} else if err != nil {
		return work{}, err
	}
	w := work{file: script.File, statements: script.Upgrade}
	if !foreign {
		w.checksum = checksum(script.Upgrade)
	}
	if !script.Irreversible {
		var b strings.Builder
		writeStatements(&b, engine, storable(script, engine))
		text := b.String()
		w.downSQL = &text
	}
	other := script.Downgrade
	if step.Direction == graph.Downgrade {
		if script.Irreversible {
			return work{}, &IrreversibleError{Revision: r}
		}
		w.statements, other = script.Downgrade, script.Upgrade
	}
	w.other, w.foreign = texts(other), foreign
	switch engine {
	case dbmodule.SQLite:
		w.rebuilds = rebuild.Find(texts(w.statements), w.other)
	case dbmodule.MySQL:
		w.restated = restate.Find(texts(w.statements), w.other)
	case dbmodule.PostgreSQL:
		w.retyped = retype.Find(texts(w.statements), w.other)
	}
	return w, nil
}

// storable is the way down for builds that don't have the way up, from which
// SQLite's rebuilds learn what a revision knows of a table.
func storable(script Script, engine dbmodule.Engine) []Statement {
	if engine != dbmodule.SQLite {
		return script.Downgrade
	}
	down := slices.Clone(script.Downgrade)
	for i, text := range rebuild.Remember(texts(down), texts(script.Upgrade)) {
		down[i].Text = text
	}
	return down
}

func texts(statements []Statement) []string {
	list := make([]string, len(statements))
	for i, statement := range statements {
		list[i] = statement.Text
	}
	return list
}

func codeWork(step Step, code *Code) (work, error) {
	if step.Direction != graph.Downgrade {
		return work{code: code.Upgrade, backfill: code.Backfill}, nil
	}
	if code.Downgrade == nil {
		return work{}, fmt.Errorf("migrate: revision %s (%s) can't be taken back: its migrate.Code has no Downgrade", step.Revision.ID, step.Revision.Message)
	}
	return work{code: code.Downgrade}, nil
}

// marked reports whether one of the statements must run outside a transaction.
func (w work) marked() bool {
	for _, statement := range w.statements {
		if statement.NoTransaction {
			return true
		}
	}
	return false
}
