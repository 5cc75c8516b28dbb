package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

const (
	// longestStatement bounds the statement in a line of the log, in bytes.
	longestStatement = 16 << 10
	// longestValue bounds each value of a logged row, in bytes.
	longestValue = 256
)

// queryLog logs statements once they are done: all of them when echo is on,
// at Info; slow ones always, at Warn. A statement that fails is not an error
// of this log: its line has a field for it, and whoever handles the error
// decides what it is worth.
type queryLog struct {
	log    *zap.Logger
	engine Engine
	echo   bool
	hide   bool
	slow   time.Duration
}

// newQueryLog returns nil when there is nothing to log.
func newQueryLog(cfg Config, engine Engine, log *zap.Logger) bun.QueryHook {
	q := &queryLog{
		log:    log,
		engine: engine,
		echo:   cfg.Echo == EchoOn || cfg.Echo == EchoDebug,
		hide:   cfg.EchoHideParameters,
		slow:   cfg.SlowQuery,
	}
	if !q.echo && q.slow <= 0 {
		return nil
	}
	return q
}

// BeforeQuery makes room for the session's number; a line is written when the
// duration is known.
func (q *queryLog) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	return &sessionNote{Context: ctx}
}

// AfterQuery logs the statement. It is called for each one: what is too fast
// to be logged costs a look at the clock.
func (q *queryLog) AfterQuery(ctx context.Context, event *bun.QueryEvent) {
	took := time.Since(event.StartTime)
	slow := q.slow > 0 && took >= q.slow
	if !q.echo && !slow || neverSent(ctx, event) {
		return
	}
	level, message := zapcore.InfoLevel, "query"
	if slow {
		level, message = zapcore.WarnLevel, "slow query"
	}
	entry := q.log.Check(level, message)
	if entry == nil {
		return
	}

	operation := operationOf(event)
	fields := make([]zap.Field, 0, 9)
	fields = append(fields,
		zap.String("operation", operation),
		zap.String("statement", q.statement(event)),
		zap.Duration("duration", took),
	)
	if rows, ok := rowsOf(event, operation); ok {
		fields = append(fields, zap.Int64("rows", rows))
	}
	if err := event.Err; err != nil && !errors.Is(err, ErrNotFound) {
		if q.hide {
			fields = append(fields, zap.String("error", judgeOf(q.engine).TextWithoutValues(err)))
		} else {
			fields = append(fields, zap.Error(err))
		}
	}
	if session := notedSession(ctx); session != 0 {
		fields = append(fields, zap.Uint64("session", session))
	}
	entry.Write(append(fields, logFields(ctx)...)...)
}

func (q *queryLog) statement(event *bun.QueryEvent) string {
	if q.hide {
		return sqltext.Masked(dialectOf(q.engine), event.Query, longestStatement)
	}
	return shortened(event.Query, longestStatement)
}

// neverSent tells the ROLLBACK after a COMMIT that a deferred call makes, which
// database/sql answers by itself, and the BEGIN of a transaction that a session
// has begun already.
func neverSent(ctx context.Context, event *bun.QueryEvent) bool {
	switch event.Query {
	case "ROLLBACK":
		return errors.Is(event.Err, sql.ErrTxDone)
	case "BEGIN":
		return ctx.Value(adoptNoteKey{}) != nil
	}
	return false
}

// operationOf names what a statement does. Bun calls every raw query a SELECT.
func operationOf(event *bun.QueryEvent) string {
	if event.IQuery != nil {
		if _, raw := event.IQuery.(*bun.RawQuery); !raw {
			return event.IQuery.Operation()
		}
	}
	query := strings.TrimSpace(event.Query)
	for strings.HasPrefix(query, "/*") {
		_, rest, _ := strings.Cut(query, "*/")
		query = strings.TrimSpace(rest)
	}
	end := 0
	for end < len(query) && ('a' <= query[end]|0x20 && query[end]|0x20 <= 'z') {
		end++
	}
	return strings.ToUpper(query[:end])
}

// rowsOf returns how many rows a statement gave or changed. For others SQLite
// repeats the number of the statement before.
func rowsOf(event *bun.QueryEvent, operation string) (int64, bool) {
	if event.Result == nil || event.Err != nil {
		return 0, false
	}
	switch operation {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "VALUES", "WITH":
		rows, err := event.Result.RowsAffected()
		return rows, err == nil
	}
	return 0, false
}

// newRowLog returns what logs the rows of results for DATABASE_ECHO=debug, nil
// for other modes. Rows are logged at Info, so that asking for them is
// enough to see them.
func newRowLog(cfg Config, log *zap.Logger) rowLogFunc {
	if cfg.Echo != EchoDebug {
		return nil
	}
	return func(columns []string, row []driver.Value) {
		if entry := log.Check(zapcore.InfoLevel, "row"); entry != nil {
			entry.Write(zap.Object("row", loggedRow{columns: columns, values: row, hide: cfg.EchoHideParameters}))
		}
	}
}

type loggedRow struct {
	columns []string
	values  []driver.Value
	hide    bool
}

// MarshalLogObject writes each column with its value. Of a row that must not
// show values it only tells how many there are: a column without an alias is
// named after its expression, and SELECT 'ann@example.org' is a column too.
func (r loggedRow) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	if r.hide {
		enc.AddInt("columns", len(r.values))
		return nil
	}
	for i, value := range r.values {
		name := ""
		if i < len(r.columns) {
			name = r.columns[i]
		}
		switch value := value.(type) {
		case nil:
			if err := enc.AddReflected(name, nil); err != nil {
				return err
			}
		case int64:
			enc.AddInt64(name, value)
		case float64:
			enc.AddFloat64(name, value)
		case bool:
			enc.AddBool(name, value)
		case time.Time:
			enc.AddString(name, value.Format(time.RFC3339Nano))
		case string:
			enc.AddString(name, shortened(value, longestValue))
		case []byte:
			enc.AddString(name, shortenedBytes(value))
		default:
			enc.AddString(name, shortened(fmt.Sprint(value), longestValue))
		}
	}
	return nil
}

// shortenedBytes shows text as text, which MySQL sends as bytes, and
// everything else in hexadecimal.
func shortenedBytes(value []byte) string {
	if utf8.Valid(value) {
		return shortened(string(value), longestValue)
	}
	return shortened("0x"+hex.EncodeToString(value[:min(len(value), longestValue)]), longestValue)
}

// shortened cuts text to limit bytes and says how long it was.
func shortened(text string, limit int) string {
	if len(text) <= limit {
		return strings.Clone(text)
	}
	return fmt.Sprintf("%s… (%d bytes)", cutText(text, limit), len(text))
}

// cutText returns the first limit bytes, less what would cut a character.
func cutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
