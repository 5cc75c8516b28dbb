package mysql_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	raw := dbtest.URL(t, dburl.MySQL)
	enginetest.Opens(t, mysql.Open, raw)
	enginetest.AsksForPasswords(t, mysql.Open, raw)
}

func TestEachHostCounts(t *testing.T) {
	t.Parallel()
	opened, err := mysql.Open(engine.Target{URL: parse(t, "mysql://u:p@a,b,c/db")})
	require.NoError(t, err)
	assert.Equal(t, 3, opened.Attempts)
}

// The dialect asks nothing when it is made, writes NUL as MySQL reads it, and knows
// the server once that was asked.
func TestDialect(t *testing.T) {
	t.Parallel()
	opened, err := mysql.Open(engine.Target{URL: parse(t, dbtest.URL(t, dburl.MySQL))})
	require.NoError(t, err)
	opened.Dialect.Init(nil)
	for text, want := range map[string]string{
		"": "''", "it's": `'it''s'`, "a\x00b": `'a\0b'`, "\x00": `'\0'`, `\` + "\x00\x00'": `'\\\0\0'''`,
	} {
		assert.Equal(t, want, string(opened.Dialect.AppendString(nil, text)), "%q", text)
	}

	before := opened.Dialect.Features()
	db := dbtest.New(t, dburl.MySQL).DB().DB
	closeFunc, err := opened.Connected(t.Context(), db)
	require.NoError(t, err)
	assert.Nil(t, closeFunc, "nothing is left open")
	assert.NotEqual(t, before, opened.Dialect.Features())
}
