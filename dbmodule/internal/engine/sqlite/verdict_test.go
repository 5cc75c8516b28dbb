package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"testing"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// liteError is an error as the SQLite driver makes them.
type liteError struct {
	code int
	text string
}

func (e liteError) Error() string { return e.text + " (" + strconv.Itoa(e.code) + ")" }
func (e liteError) Code() int     { return e.code }

func lite(code int, text string) error { return liteError{code: code, text: text} }

func TestVerdicts(t *testing.T) {
	t.Parallel()
	enginetest.Verdicts(t, dburl.SQLite, sqlite.Judge, map[string]enginetest.Case{
		"unique":            {Err: lite(2067, "constraint failed: UNIQUE constraint failed: t.a, t.b"), Kind: dberr.ErrUnique, Table: "t", Column: "a, b"},
		"unique expression": {Err: lite(2067, "constraint failed: UNIQUE constraint failed: index 'ux'"), Kind: dberr.ErrUnique, Constraint: "ux"},
		"primary key":       {Err: lite(1555, "constraint failed: UNIQUE constraint failed: t.id"), Kind: dberr.ErrUnique, Table: "t", Column: "id"},
		"foreign key":       {Err: lite(787, "constraint failed: FOREIGN KEY constraint failed"), Kind: dberr.ErrForeignKey},
		"check":             {Err: lite(275, "constraint failed: CHECK constraint failed: ck_age"), Kind: dberr.ErrCheck, Constraint: "ck_age"},
		"check expression":  {Err: lite(275, "constraint failed: CHECK constraint failed: length(a) > (1)"), Kind: dberr.ErrCheck, Constraint: "length(a) > (1)"},
		"not null":          {Err: lite(1299, "constraint failed: NOT NULL constraint failed: t.a"), Kind: dberr.ErrNotNull, Table: "t", Column: "a"},
		"strict":            {Err: lite(3091, "constraint failed: cannot store TEXT value in INT column t.a"), Kind: dberr.ErrValue, Table: "t", Column: "a"},
		"mismatch":          {Err: lite(20, "datatype mismatch"), Kind: dberr.ErrValue},
		"too big":           {Err: lite(18, "string or blob too big"), Kind: dberr.ErrValue},
		"overflow":          {Err: lite(1, "SQL logic error: integer overflow"), Kind: dberr.ErrValue},
		"bad JSON path":     {Err: lite(1, "SQL logic error: bad JSON path: '"+enginetest.Secret+"'"), Kind: dberr.ErrValue},
		"busy":              {Err: lite(5, "database is locked"), Kind: dberr.ErrConflict, LosesTransaction: true},
		"busy snapshot":     {Err: lite(517, "database is locked"), Kind: dberr.ErrConflict, LosesTransaction: true},
		"locked":            {Err: lite(6, "database table is locked"), Kind: dberr.ErrConflict},
		"interrupted":       {Err: lite(9, "interrupted"), Kind: dberr.ErrTimeout, LosesTransaction: true},
		"full":              {Err: lite(13, "database or disk is full"), Kind: dberr.ErrDiskFull, LosesTransaction: true},
		"no room for WAL":   {Err: lite(4874, "disk I/O error"), Kind: dberr.ErrDiskFull, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"read-only":         {Err: lite(8, "attempt to write a readonly database"), Kind: dberr.ErrReadOnly, LosesConnection: true},
		"moved":             {Err: lite(1032, "attempt to write a readonly database"), Kind: dberr.ErrUnavailable, LosesConnection: true},
		"I/O error":         {Err: lite(266, "disk I/O error"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"can't open":        {Err: fmt.Errorf("open file:x: %w", lite(14, "unable to open database file")), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true},
		"no database":       {Err: lite(26, "file is not a database"), Kind: dberr.ErrCorrupt, LosesTransaction: true, LosesConnection: true},
		"damaged":           {Err: lite(11, "database disk image is malformed"), Kind: dberr.ErrCorrupt, LosesTransaction: true, LosesConnection: true},
		"savepoint gone":    {Err: lite(1, "SQL logic error: no such savepoint: a"), LosesTransaction: true},
		"trigger":           {Err: lite(1811, "constraint failed: "+enginetest.Secret), LosesTransaction: true},
		"syntax":            {Err: lite(1, `SQL logic error: near "`+enginetest.Secret+`": syntax error`)},
		// An interrupted write takes its transaction along.
		"cancelled by caller":    {Err: context.Canceled, LosesTransaction: true, Unanswered: true},
		"deadline of the caller": {Err: context.DeadlineExceeded, LosesTransaction: true, Unanswered: true},
	})
}

// The driver's own errors, not imitations of them.
func TestErrorsOfTheDriver(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	for _, query := range []string{
		`CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, age INTEGER CONSTRAINT ck_age CHECK (age > 0), name TEXT NOT NULL)`,
		`CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)`,
		`INSERT INTO users (id, email, name) VALUES (1, '` + enginetest.Secret + `', 'n')`,
	} {
		_, err := db.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	for query, want := range map[string]dberr.Error{
		`INSERT INTO users (email, name) VALUES ('` + enginetest.Secret + `', 'n')`: {Kind: dberr.ErrUnique, Code: "2067", Table: "users", Column: "email"},
		`INSERT INTO users (id, name) VALUES (1, 'n')`:                              {Kind: dberr.ErrUnique, Code: "1555", Table: "users", Column: "id"},
		`INSERT INTO users (age, name) VALUES (-1, '` + enginetest.Secret + `')`:    {Kind: dberr.ErrCheck, Code: "275", Constraint: "ck_age"},
		`INSERT INTO users (email) VALUES ('` + enginetest.Secret + `')`:            {Kind: dberr.ErrNotNull, Code: "1299", Table: "users", Column: "name"},
		`INSERT INTO users (id, name) VALUES ('` + enginetest.Secret + `', 'n')`:    {Kind: dberr.ErrValue, Code: "20"},
		`INSERT INTO posts (user_id) VALUES (2)`:                                    {Kind: dberr.ErrForeignKey, Code: "787"},
		`SELECT json('{` + enginetest.Secret + `')`:                                 {Kind: dberr.ErrValue, Code: "1"},
		`PRAGMA query_only = 1; DELETE FROM posts`:                                  {Kind: dberr.ErrReadOnly, Code: "8"},
	} {
		_, err := db.ExecContext(t.Context(), query)
		v, typed := engine.Judge(sqlite.Judge).Typed(dburl.SQLite, err)
		assert.True(t, v.Answered, query)
		var got *dberr.Error
		require.ErrorAs(t, typed, &got, query)
		require.ErrorIs(t, got, want.Kind, query)
		assert.Equal(t, []string{want.Code, want.Constraint, want.Table, want.Column}, []string{got.Code, got.Constraint, got.Table, got.Column}, query)
		assert.NotContains(t, got.Error(), enginetest.Secret)
		_, err = db.ExecContext(t.Context(), "PRAGMA query_only = 0")
		require.NoError(t, err)
	}

	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "INSERT INTO posts (user_id) VALUES (2)")
	require.NoError(t, err, "deferred")
	assert.Equal(t, dberr.ErrForeignKey, sqlite.Judge(tx.Commit()).Kind)
}
