package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// work is what a step does on one engine.
type work struct {
	// code is nil for SQL.
	code       func(ctx context.Context, db bun.IDB) error
	statements []Statement
	file       string
	// checksum is that of the upgrade, whichever direction this is.
	checksum string
	// downSQL takes the revision back; nil if nothing does.
	downSQL *string
}

// workOf finds what a step does. Nothing has run when it fails.
func workOf(step Step, engine dbmodule.Engine, foreign bool) (work, error) {
	r := step.Revision
	if r.code != nil {
		return codeWork(step)
	}
	script, err := r.Script(engine)
	if foreign {
		if err != nil || step.Direction != Downgrade {
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
	if step.Direction == Downgrade {
		if script.Irreversible {
			return work{}, &IrreversibleError{Revision: r}
		}
		w.statements = script.Downgrade
	}
	return w, nil
}

func codeWork(step Step) (work, error) {
	code := step.Revision.code
	if step.Direction != Downgrade {
		return work{code: code.Upgrade}, nil
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
