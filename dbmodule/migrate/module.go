package migrate

import (
	"sync/atomic"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// sourcesGroup is the fx value group that [Revisions] adds to.
const sourcesGroup = `group:"dbmodule.revisions"`

// Module supplies the dbmodule.Migrator with which dbmodule.Module upgrades the
// database at the start, and the *Migrator itself. It takes the sources
// of [Revisions], needs a *zap.Logger, and names the [Build] in the history if
// the graph has one.
var Module = fx.Module("migrate",
	fx.Provide(newFromGraph, func(m *Migrator) dbmodule.Migrator { return m }),
)

// Build names the program and its version in the history.
type Build string

// Revisions adds a source of revisions to the application. All sources together
// make one history, in whichever order they are added.
func Revisions(source Source) fx.Option {
	return fx.Supply(fx.Annotate(source, fx.ResultTags(sourcesGroup)))
}

type params struct {
	fx.In

	Sources []Source `group:"dbmodule.revisions"`
	Log     *zap.Logger
	Build   Build `optional:"true"`
}

func newFromGraph(p params) (*Migrator, error) {
	return New(p.Sources, WithBuild(string(p.Build)), WithProgress(LogProgress(p.Log)))
}

// LogProgress returns a function that logs the progress of a run: each revision before
// it begins and when it is done, each new attempt, and waits for other processes.
func LogProgress(log *zap.Logger) ProgressFunc {
	var lastLogged atomic.Int64 // when the progress of a backfill was last logged, in Unix seconds
	return func(p Progress) {
		switch p.Phase {
		case PhaseWaiting:
			log.Info("waiting for another process that migrates the database", zap.String("holder", p.Detail), zap.Duration("waited", p.Elapsed))
		case PhaseRunning:
			log.Info("running "+string(p.Step.Direction), stepFields(p)...)
		case PhaseRetry:
			log.Warn("trying a revision again", append(stepFields(p), zap.String("reason", p.Detail))...)
		case PhaseDone:
			log.Info("revision done", append(stepFields(p), zap.Duration("duration", p.Elapsed))...)
		case PhaseStatement:
			if now := time.Now().Unix(); p.Statements == 0 && now-lastLogged.Load() >= 5 {
				lastLogged.Store(now)
				log.Info("backfill goes on", append(stepFields(p), zap.Int("pieces", p.Statement), zap.Int64("rows", p.Rows), zap.Duration("duration", p.Elapsed))...)
				return
			}
			log.Debug("statement done", append(stepFields(p), zap.Int("statement", p.Statement), zap.Int("statements", p.Statements))...)
		}
	}
}

func stepFields(p Progress) []zap.Field {
	return []zap.Field{zap.Stringer("step", p.Step), zap.Int("index", p.Index), zap.Int("total", p.Total)}
}
