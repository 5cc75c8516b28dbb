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
	// All logs every statement, at Info.
	All bool
	// Slow is the time from which on a statement is logged as slow, at Warn; 0 logs none as
	// slow. Only the time that the database takes counts, not that of a caller who reads
	// rows slowly.
	Slow time.Duration
	// Fields returns more fields for the line of a statement with that context. It is called
	// only when there is a line to write. It may be nil.
	Fields func(ctx context.Context) []zap.Field
}

// Log logs statements when they are done. The line of a statement that failed has the error
// in a field, at the usual level: the caller who handles the error decides how serious it
// is. A Log is safe for concurrent use.
type Log struct {
	log *zap.Logger
	Settings
}

// New returns the log of statements, nil when there is nothing to log.
func New(log *zap.Logger, settings Settings) *Log {
	if !settings.All && settings.Slow <= 0 {
		return nil
	}
	return &Log{log: log, Settings: settings}
}

// Statement is called for each statement. One that is not logged costs two comparisons.
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
