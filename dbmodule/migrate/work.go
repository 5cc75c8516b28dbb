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

// work is what a step runs on one engine.
type work struct {
	// code and backfill are nil for SQL.
	code       func(ctx context.Context, db bun.IDB) error
	backfill   BackfillFunc
	statements []Statement
	file       string
	// checksum is the checksum of the upgrade, also for a downgrade.
	checksum string
	// downSQL is the SQL of the downgrade; nil if there is none.
	downSQL *string
	// rebuilds are the tables of SQLite that the statements rebuild.
	rebuilds []rebuild.Rebuild
	// restated are the statements on MySQL that write a column's whole definition again
	// (MODIFY, CHANGE), by index.
	restated map[int]*restate.Statement
	// other are the statements of the other direction. foreign says that this program does not
	// have the revision, which comes from the history; other is empty then.
	other   []string
	foreign bool
	// retyped are the statements on PostgreSQL that change the type of columns, by index.
	retyped map[int]*retype.Statement
}

// workOf returns what a step runs on an engine. It runs nothing. foreign says that this program
// does not have the step's revision.
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
		writeStatements(&b, engine, downgradeForHistory(script, engine))
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

// downgradeForHistory returns the downgrade to store in the history, for builds that don't have the
// revision. On SQLite it has comments that describe the tables that it rebuilds: such a build does
// not have the upgrade, which says how these tables look.
func downgradeForHistory(script Script, engine dbmodule.Engine) []Statement {
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

// codeWork returns the Go code of a step.
func codeWork(step Step, code *Code) (work, error) {
	if step.Direction != graph.Downgrade {
		return work{code: code.Upgrade, backfill: code.Backfill}, nil
	}
	if code.Downgrade == nil {
		return work{}, fmt.Errorf("migrate: revision %s (%s) can't be taken back: its migrate.Code has no Downgrade", step.Revision.ID, step.Revision.Message)
	}
	return work{code: code.Downgrade}, nil
}

// hasNoTransaction reports whether one of the statements must run outside a transaction.
func (w work) hasNoTransaction() bool {
	for _, statement := range w.statements {
		if statement.NoTransaction {
			return true
		}
	}
	return false
}
