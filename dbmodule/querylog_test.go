package dbmodule_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// secret stands for the value of a row, which must not be logged.
const secret = "ann@example.org"

type logAuthor struct {
	bun.BaseModel `bun:"table:authors"`

	Email string     `bun:"email,pk"`
	Age   int64      `bun:"age"`
	Books []*logBook `bun:"rel:has-many,join:email=author_email"`
}

type logBook struct {
	bun.BaseModel `bun:"table:books"`

	ID          int64     `bun:"id,pk,autoincrement"`
	Title       string    `bun:"title,unique"`
	AuthorEmail string    `bun:"author_email"`
	DeletedAt   time.Time `bun:"deleted_at,soft_delete,nullzero"`
}

// logged is a SQLite database with these settings of the logs whose statements go to
// the returned log. The tables exist already.
func logged(t *testing.T, logs dbmodule.Config) (*dbmodule.Database, *observer.ObservedLogs) {
	t.Helper()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	if logs.Echo == "" {
		logs.Echo = dbmodule.EchoOff
	}
	cfg.Echo, cfg.EchoHideParameters, cfg.SlowQuery, cfg.BunDebug = logs.Echo, logs.EchoHideParameters, logs.SlowQuery, logs.BunDebug
	core, lines := observer.New(zapcore.InfoLevel)
	db, err := dbmodule.Open(cfg, zap.New(core))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for _, model := range []any{(*logAuthor)(nil), (*logBook)(nil)} {
		_, err := db.DB().NewCreateTable().Model(model).Exec(t.Context())
		require.NoError(t, err)
	}
	lines.TakeAll()
	return db, lines
}

func TestNothingIsLoggedWithoutNeed(t *testing.T) {
	t.Parallel()
	for _, cfg := range []dbmodule.Config{{}, {Echo: dbmodule.EchoOff, BunDebug: "0", EchoHideParameters: true}, {SlowQuery: time.Hour}} {
		db, logs := logged(t, cfg)
		var n int
		require.NoError(t, db.DB().NewRaw("SELECT 1").Scan(t.Context(), &n))
		require.Error(t, db.DB().NewRaw("SELECT nothing").Scan(t.Context(), &n))
		assert.Zero(t, logs.Len())
		assert.Nil(t, dbmodule.NewBunDebug(cfg, engine.Opened{}, zap.NewNop()))
	}
}

func TestEchoLogsStatements(t *testing.T) {
	t.Parallel()
	opened, logs := logged(t, dbmodule.Config{Echo: dbmodule.EchoOn})
	db := opened.DB()
	ctx := dbmodule.WithLogFields(t.Context(), zap.String("request_id", "r1"))
	ctx = dbmodule.WithLogFields(ctx, zap.Int("attempt", 2))
	assert.Equal(t, ctx, dbmodule.WithLogFields(ctx))

	_, err := db.NewInsert().Model(&[]logBook{{Title: "a"}, {Title: "b"}}).Exec(ctx)
	require.NoError(t, err)
	_, err = db.NewInsert().Model(&logBook{Title: "a"}).Exec(ctx)
	require.Error(t, err)
	_, err = db.NewRaw("\n/* hint */ update books SET title = ?", "c").Exec(ctx)
	require.Error(t, err)
	require.ErrorIs(t, db.NewSelect().Model(&logBook{}).Where("id = ?", 9).Scan(ctx), dbmodule.ErrNotFound)
	_, err = db.ExecContext(ctx, "CREATE INDEX i ON books (title)")
	require.NoError(t, err)
	require.NoError(t, db.RunInTx(ctx, nil, func(context.Context, bun.Tx) error { return nil }))

	type line struct {
		operation, statement string
		rows                 any
		failed               bool
	}
	var got []line
	for _, entry := range logs.All() {
		assert.Equal(t, zapcore.InfoLevel, entry.Level)
		assert.Equal(t, "query", entry.Message)
		fields := entry.ContextMap()
		assert.Equal(t, "r1", fields["request_id"])
		assert.EqualValues(t, 2, fields["attempt"])
		assert.Positive(t, fields["duration"])
		statement, _ := fields["statement"].(string)
		operation, _ := fields["operation"].(string)
		_, failed := fields["error"]
		got = append(got, line{operation, statement, fields["rows"], failed})
	}
	assert.Equal(t, []line{
		{"INSERT", `INSERT INTO "books" ("title", "author_email", "deleted_at") VALUES ('a', '', NULL), ('b', '', NULL) RETURNING "id", "deleted_at"`, int64(2), false},
		{"INSERT", `INSERT INTO "books" ("title", "author_email", "deleted_at") VALUES ('a', '', NULL) RETURNING "id", "deleted_at"`, nil, true},
		{"UPDATE", "\n/* hint */ update books SET title = 'c'", nil, true},
		{"SELECT", `SELECT "log_book"."id", "log_book"."title", "log_book"."author_email", "log_book"."deleted_at" FROM "books" AS "log_book" WHERE (id = 9) AND "log_book"."deleted_at" IS NULL`, int64(0), false},
		{"CREATE", "CREATE INDEX i ON books (title)", nil, false},
		{"BEGIN", "BEGIN", nil, false},
		{"COMMIT", "COMMIT", nil, false},
	}, got)
}

func TestRollbackAfterCommitIsNotLogged(t *testing.T) {
	t.Parallel()
	opened, logs := logged(t, dbmodule.Config{Echo: dbmodule.EchoOn})
	db := opened.DB()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	require.ErrorIs(t, tx.Rollback(), sql.ErrTxDone)
	assert.Equal(t, 2, logs.Len())
}

func TestLongStatementsAreCut(t *testing.T) {
	t.Parallel()
	opened, logs := logged(t, dbmodule.Config{Echo: dbmodule.EchoOn})
	db := opened.DB()
	_, err := db.NewInsert().Model(&logBook{Title: strings.Repeat("ä", 1<<20)}).Exec(t.Context())
	require.NoError(t, err)
	statement, _ := logs.All()[0].ContextMap()["statement"].(string)
	assert.Less(t, len(statement), 17<<10)
	assert.Contains(t, statement, "ä… (2097")
}

func TestSlowStatementsAreLoggedWithoutEcho(t *testing.T) {
	t.Parallel()
	db, logs := logged(t, dbmodule.Config{SlowQuery: 1}) // nothing is that fast
	_, err := db.DB().ExecContext(dbmodule.WithLogFields(t.Context(), zap.String("request_id", "r1")), "SELECT 1")
	require.NoError(t, err)
	require.Equal(t, 1, logs.Len())
	entry := logs.All()[0]
	assert.Equal(t, zapcore.WarnLevel, entry.Level)
	assert.Equal(t, "slow query", entry.Message)
	assert.Equal(t, "SELECT 1", entry.ContextMap()["statement"])
	assert.Equal(t, "r1", entry.ContextMap()["request_id"])
}

// Every way in which Bun takes a value, with the query log and bundebug both
// asked to show all they may.
func TestHiddenParametersAppearNowhere(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.Config{Echo: dbmodule.EchoDebug, EchoHideParameters: true, SlowQuery: 1, BunDebug: "2"}
	const number = int64(4242424242)
	author := func() *logAuthor { return &logAuthor{Email: secret, Age: number} }
	for name, run := range map[string]func(ctx context.Context, db *bun.DB) error{
		"insert": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewInsert().Model(author()).Exec(ctx)
			return err
		},
		"insert many": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewInsert().Model(&[]*logAuthor{author(), {Email: "b" + secret}}).Exec(ctx)
			return err
		},
		"insert a map": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewInsert().Model(&map[string]any{"email": secret, "age": number}).Table("authors").Exec(ctx)
			return err
		},
		"upsert": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewInsert().Model(author()).On("CONFLICT (email) DO UPDATE").Set("age = ?", number).Exec(ctx)
			return err
		},
		"insert a value": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewInsert().Model(author()).Value("email", "lower(?)", secret).Exec(ctx)
			return err
		},
		"where": func(ctx context.Context, db *bun.DB) error {
			return db.NewSelect().Model(&[]logAuthor{}).Where("email = ?", secret).WhereOr("age > ?0 AND age < ?0", number).Scan(ctx)
		},
		"list": func(ctx context.Context, db *bun.DB) error {
			return db.NewSelect().Model(&[]logAuthor{}).Where("email IN (?)", bun.List([]string{secret, "x"})).Scan(ctx)
		},
		"tuples": func(ctx context.Context, db *bun.DB) error {
			return db.NewSelect().Model(&[]logAuthor{}).Where("(email, age) IN (VALUES (?, ?))", secret, number).Scan(ctx)
		},
		"primary key": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewUpdate().Model(author()).WherePK().Exec(ctx)
			return err
		},
		"bulk update": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewUpdate().With("_data", db.NewValues(&[]*logAuthor{author()})).Model((*logAuthor)(nil)).
				TableExpr("_data").Set("age = _data.age").Where("log_author.email = _data.email").Exec(ctx)
			return err
		},
		"named": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewDelete().Model((*logAuthor)(nil)).Where("email = ?email", author()).Exec(ctx)
			return err
		},
		"subquery": func(ctx context.Context, db *bun.DB) error {
			return db.NewSelect().Model(&[]logBook{}).
				Where("author_email IN (?)", db.NewSelect().Model((*logAuthor)(nil)).Column("email").Where("age = ?", number)).Scan(ctx)
		},
		"relation": func(ctx context.Context, db *bun.DB) error {
			if _, err := db.NewInsert().Model(author()).Exec(ctx); err != nil {
				return err
			}
			return db.NewSelect().Model(&[]logAuthor{}).Relation("Books").Scan(ctx)
		},
		"order and limit": func(ctx context.Context, db *bun.DB) error {
			return db.NewSelect().Model(&[]logAuthor{}).OrderExpr("email = ?", secret).Limit(424242).Offset(424242).Scan(ctx)
		},
		"count and exists": func(ctx context.Context, db *bun.DB) error {
			if _, err := db.NewSelect().Model((*logAuthor)(nil)).Where("email = ?", secret).Count(ctx); err != nil {
				return err
			}
			_, err := db.NewSelect().Model((*logAuthor)(nil)).Where("email = ?", secret).Exists(ctx)
			return err
		},
		"raw": func(ctx context.Context, db *bun.DB) error {
			return db.NewRaw("SELECT email FROM authors WHERE email = ?", secret).Scan(ctx, &[]string{})
		},
		"exec": func(ctx context.Context, db *bun.DB) error {
			_, err := db.ExecContext(ctx, "UPDATE authors SET age = ? WHERE email = ?", number, secret)
			return err
		},
		"values in the text": func(ctx context.Context, db *bun.DB) error {
			_, err := db.ExecContext(ctx, "SELECT\n'"+secret+"'")
			return err
		},
		"transaction": func(ctx context.Context, db *bun.DB) error {
			return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.QueryContext(ctx, "SELECT ?", secret)
				return err
			})
		},
		"soft delete": func(ctx context.Context, db *bun.DB) error {
			_, err := db.NewDelete().Model(&logBook{Title: secret}).Where("title = ?title").Exec(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, logs := logged(t, cfg)
			require.NoError(t, run(t.Context(), db.DB()))
			shownNowhere(t, logs, secret, "424242", time.Now().UTC().Format("2006-01-02 15:"))
		})
	}
	for name, run := range map[string]func(ctx context.Context, db *bun.DB) error{
		"conversion": func(ctx context.Context, db *bun.DB) error {
			var n int
			return db.NewSelect().ColumnExpr("?", secret).Scan(ctx, &n)
		},
		"syntax": func(ctx context.Context, db *bun.DB) error {
			_, err := db.ExecContext(ctx, `SELECT "a" '`+secret+`' '`+secret+`'`)
			return err
		},
		"NUL": func(ctx context.Context, db *bun.DB) error {
			_, err := db.ExecContext(ctx, "SELECT ?, ?", secret, "\x00")
			return err
		},
	} {
		t.Run(name+" fails", func(t *testing.T) {
			t.Parallel()
			db, logs := logged(t, cfg)
			require.Error(t, run(t.Context(), db.DB()))
			shownNowhere(t, logs, secret)
		})
	}
}

// shownNowhere fails when a line of the log holds one of the values, or when
// one of the two logs said nothing.
func shownNowhere(t *testing.T, logs *observer.ObservedLogs, values ...string) {
	t.Helper()
	messages := map[string]int{}
	for _, entry := range logs.All() {
		line, err := json.Marshal(entry.ContextMap())
		require.NoError(t, err)
		for _, value := range values {
			assert.NotContains(t, entry.Message+string(line), value)
		}
		if strings.HasPrefix(entry.Message, "[bun]") {
			messages["bundebug"]++
		} else {
			messages[entry.Message]++
		}
	}
	assert.Positive(t, messages["slow query"])
	assert.Equal(t, messages["slow query"], messages["bundebug"])
}

func TestBunDebug(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value string
		lines int
	}{{"1", 1}, {"2", 2}, {"true", 1}} {
		db, logs := logged(t, dbmodule.Config{BunDebug: test.value})
		_, err := db.DB().ExecContext(t.Context(), "SELECT ?", "a\x1b[31m\nb")
		require.NoError(t, err)
		_, err = db.DB().ExecContext(t.Context(), "SELECT nothing")
		require.Error(t, err)
		require.Equal(t, test.lines, logs.Len(), test.value)
		if test.lines == 2 {
			assert.Contains(t, logs.All()[0].Message, "SELECT 'a b'", "colours and line breaks are gone")
		}
		last := logs.All()[test.lines-1]
		assert.Equal(t, zapcore.InfoLevel, last.Level)
		assert.True(t, strings.HasPrefix(last.Message, "[bun] "), last.Message)
		assert.Contains(t, last.Message, "SELECT nothing")
		assert.Contains(t, last.Message, "syntax error")
	}
}
