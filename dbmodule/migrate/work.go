package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
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
		writeStatements(&b, script.Downgrade)
		text := b.String()
		w.downSQL = &text
	}
	if step.Direction == graph.Downgrade {
		if script.Irreversible {
			return work{}, &IrreversibleError{Revision: r}
		}
		w.statements = script.Downgrade
	}
	return w, nil
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
