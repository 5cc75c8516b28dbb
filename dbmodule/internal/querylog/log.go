package querylog

import (
	"context"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule/observe"
)

// LongestStatement bounds the statement in a line of the log, in bytes.
const LongestStatement = 16 << 10

// Settings say what is logged.
type Settings struct {
	// All has every statement logged, at Info.
	All bool
	// Slow is the time from which on a statement is logged as slow, at Warn; 0
	// logs none as slow. What counts is the database's time, not that of a caller
	// who reads rows slowly.
	Slow time.Duration
	// Fields returns what else a line has for the context of a statement. It is
	// called when there is a line to write. Nil is nothing.
	Fields func(ctx context.Context) []zap.Field
}

// Log logs statements once they are answered. A statement that fails is no error
// of this log: its line has a field for it, and whoever handles the error decides
// what it is worth. A Log is safe for concurrent use.
type Log struct {
	log *zap.Logger
	Settings
}

var _ observe.Observer = (*Log)(nil)

// New returns the log of statements, nil when there is nothing to log.
func New(log *zap.Logger, settings Settings) *Log {
	if !settings.All && settings.Slow <= 0 {
		return nil
	}
	return &Log{log: log, Settings: settings}
}

// Statement implements [observe.Observer]. It is told of each statement: what is
// too fast to be logged costs two comparisons.
func (l *Log) Statement(ctx context.Context, statement observe.Statement) {
	slow := l.Slow > 0 && statement.Waited >= l.Slow
	if !l.All && !slow {
		return
	}
	level, message := zapcore.InfoLevel, "query"
	if slow {
		level, message = zapcore.WarnLevel, "slow query"
	}
	entry := l.log.Check(level, message)
	if entry == nil {
		return
	}
	fields := make([]zap.Field, 0, 9)
	fields = append(fields,
		zap.String("operation", statement.FirstWord()),
		zap.String("statement", statement.Text(LongestStatement)),
		zap.Duration("duration", statement.Waited),
	)
	if rows, ok := statement.Rows(); ok {
		fields = append(fields, zap.Int64("rows", rows))
	}
	if statement.Err != nil {
		fields = append(fields, zap.String("error", statement.ErrorText()))
	}
	if statement.Session != 0 {
		fields = append(fields, zap.Uint64("session", statement.Session))
	}
	if l.Fields != nil {
		fields = append(fields, l.Fields(ctx)...)
	}
	entry.Write(fields...)
}

// UnitBegan implements [observe.Observer]: units of work are not logged.
func (*Log) UnitBegan(ctx context.Context, _ observe.UnitOfWork) context.Context { return ctx }

// Acquired implements [observe.Observer]: waits are not logged.
func (*Log) Acquired(context.Context, observe.Acquisition) {}

// UnitEnded implements [observe.Observer]: units of work are not logged.
func (*Log) UnitEnded(context.Context, observe.UnitEnd) {}

// Retrying implements [observe.Observer]: retries are not logged.
func (*Log) Retrying(context.Context, observe.Retry) {}
