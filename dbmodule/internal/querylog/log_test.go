package querylog_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/querylog"
	"github.com/openhands-go/server/dbmodule/observe"
)

const secret = "ann@example.org"

func hidden(error) string { return "refused" }

// statement is one that SQLite has answered.
func statement(took time.Duration, err error) observe.Statement {
	return observe.Statement{Engine: dburl.SQLite, Session: 7, Waited: took, Took: time.Hour, Err: err}
}

func TestNoLogWithoutNeed(t *testing.T) {
	t.Parallel()
	assert.Nil(t, querylog.New(zap.NewNop(), querylog.Settings{}))
	assert.Nil(t, querylog.New(zap.NewNop(), querylog.Settings{Slow: -1}))
	assert.NotNil(t, querylog.New(zap.NewNop(), querylog.Settings{Slow: 1}))
	assert.NotNil(t, querylog.New(zap.NewNop(), querylog.Settings{All: true}))
}

func TestLines(t *testing.T) {
	t.Parallel()
	const text = "update t set a = '" + secret + "' where id = 4242"
	for name, test := range map[string]struct {
		settings  querylog.Settings
		statement observe.Statement
		level     zapcore.Level
		message   string
		fields    map[string]any // nil for no line
	}{
		"with values": {
			settings: querylog.Settings{All: true}, statement: statement(time.Millisecond, nil).WithShownQuery(text).WithRows(3),
			message: "query", fields: map[string]any{
				"operation": "UPDATE", "statement": text, "duration": time.Millisecond, "rows": int64(3), "session": uint64(7), "request_id": "r1",
			},
		},
		"without values": {
			settings: querylog.Settings{All: true}, statement: statement(time.Millisecond, errors.New(secret)).WithQuery(text, hidden).WithRows(3),
			message: "query", fields: map[string]any{
				"operation": "UPDATE", "statement": "update t set a = ? where id = ?", "duration": time.Millisecond, "error": "refused",
				"session": uint64(7), "request_id": "r1",
			},
		},
		"an error with values": {
			settings: querylog.Settings{All: true}, statement: statement(time.Millisecond, errors.New(secret)).WithShownQuery("select x"),
			message: "query", fields: map[string]any{
				"operation": "SELECT", "statement": "select x", "duration": time.Millisecond, "error": secret, "session": uint64(7), "request_id": "r1",
			},
		},
		"outside a session": {
			settings: querylog.Settings{All: true}, statement: observe.Statement{Engine: dburl.MySQL}.WithShownQuery("CREATE TABLE t (id INT)").WithRows(9),
			message: "query", fields: map[string]any{
				"operation": "CREATE", "statement": "CREATE TABLE t (id INT)", "duration": time.Duration(0), "request_id": "r1",
			},
		},
		"slow": {
			settings: querylog.Settings{Slow: time.Second}, statement: statement(time.Second, nil).WithShownQuery("SELECT 1").WithRows(0),
			level: zapcore.WarnLevel, message: "slow query", fields: map[string]any{
				"operation": "SELECT", "statement": "SELECT 1", "duration": time.Second, "rows": int64(0), "session": uint64(7), "request_id": "r1",
			},
		},
		"fast":                {settings: querylog.Settings{Slow: time.Second}, statement: statement(time.Second-1, nil).WithShownQuery("SELECT 1")},
		"fast, and it failed": {settings: querylog.Settings{Slow: time.Second}, statement: statement(1, errors.New("x")).WithShownQuery("SELECT 1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core, lines := observer.New(zapcore.InfoLevel)
			test.settings.Fields = func(context.Context) []zap.Field { return []zap.Field{zap.String("request_id", "r1")} }
			querylog.New(zap.New(core), test.settings).Statement(t.Context(), test.statement)
			if test.fields == nil {
				assert.Zero(t, lines.Len())
				return
			}
			require.Equal(t, 1, lines.Len())
			line := lines.All()[0]
			assert.Equal(t, test.level, line.Level)
			assert.Equal(t, test.message, line.Message)
			assert.Equal(t, test.fields, line.ContextMap())
		})
	}
}

func TestLongStatementsAreCut(t *testing.T) {
	t.Parallel()
	core, lines := observer.New(zapcore.InfoLevel)
	log := querylog.New(zap.New(core), querylog.Settings{All: true})
	log.Statement(t.Context(), statement(1, nil).WithShownQuery("SELECT '"+strings.Repeat("ä", 1<<20)+"'"))
	log.Statement(t.Context(), statement(1, nil).WithQuery("SELECT "+strings.Repeat("ä", 1<<20), nil))
	require.Equal(t, 2, lines.Len())
	for i, want := range []string{"ä… (2097161 bytes)", "ä…"} {
		text, _ := lines.All()[i].ContextMap()["statement"].(string)
		assert.Less(t, len(text), querylog.LongestStatement+32)
		assert.True(t, strings.HasSuffix(text, want), text[len(text)-40:])
	}
}

// A statement that is not slow costs no text. Not parallel: allocations are counted for
// the whole process.
func TestFastStatementsCostNothing(t *testing.T) { //nolint:paralleltest // it counts allocations
	log := querylog.New(zap.NewNop(), querylog.Settings{Slow: time.Second, Fields: func(context.Context) []zap.Field {
		t.Error("fields for no line")
		return nil
	}})
	fast, ctx := statement(time.Millisecond, nil).WithShownQuery("SELECT 1"), t.Context()
	assert.Zero(t, testing.AllocsPerRun(100, func() { log.Statement(ctx, fast) }))
}

func TestRows(t *testing.T) {
	t.Parallel()
	columns := []string{"id", "email", "doc", "raw", "at", "gone", "ok", "x"}
	row := []driver.Value{
		int64(7), secret, []byte(strings.Repeat("ö", 1000)), []byte{0xff, 0}, time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), nil, true, 1.5,
	}
	core, logs := observer.New(zapcore.InfoLevel)
	querylog.Rows(zap.New(core), false)(columns, row)
	querylog.Rows(zap.New(core), true)(columns, row)
	require.Equal(t, 2, logs.Len())
	assert.Equal(t, map[string]any{
		"id": int64(7), "email": secret, "doc": strings.Repeat("ö", 128) + "… (2000 bytes)", "raw": "0xff00",
		"at": "2024-05-06T07:08:09Z", "gone": nil, "ok": true, "x": 1.5,
	}, logs.All()[0].ContextMap()["row"])
	assert.Equal(t, map[string]any{"columns": len(columns)}, logs.All()[1].ContextMap()["row"])
}
