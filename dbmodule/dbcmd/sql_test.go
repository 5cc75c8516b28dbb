package dbcmd_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// byHand runs what --sql printed as a person would, one statement after the
// other on one connection.
func byHand(t *testing.T, cfg dbmodule.Config, script string) {
	t.Helper()
	db := dbtest.Open(t, cfg)
	conn, err := db.DB().Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	for _, statement := range statementsOf(t, cfg.URL.Engine(), script) {
		_, err := conn.ExecContext(t.Context(), "?", bun.Safe(statement))
		require.NoError(t, err, statement)
	}
}

// statementsOf splits a script; BEGIN and COMMIT are what the parser of
// revisions would refuse.
func statementsOf(t *testing.T, engine dbmodule.Engine, script string) []string {
	t.Helper()
	hidden := strings.NewReplacer("\nBEGIN IMMEDIATE;", "\nSELECT 'begin immediate';", "\nBEGIN;", "\nSELECT 'begin';", "\nCOMMIT;", "\nSELECT 'commit';")
	parsed, err := migrate.ParseScript(engine, "-- migrate:upgrade\n"+hidden.Replace(script))
	require.NoError(t, err)
	shown := map[string]string{"SELECT 'begin immediate'": "BEGIN IMMEDIATE", "SELECT 'begin'": "BEGIN", "SELECT 'commit'": "COMMIT"}
	var statements []string
	for _, s := range parsed.Upgrade {
		text := s.Text
		if original, ok := shown[text]; ok {
			text = original
		}
		statements = append(statements, text)
	}
	return statements
}

// What --sql prints, run by hand, is the upgrade.
func TestSQLIsTheUpgrade(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		p := newProgram(t, modelsV1()...).on(cfg)
		p.must("init")
		p.must("revision", "-m", "create books", "--rev-id", "one", "--autogenerate")
		p.config.Models = modelsV2()
		p.must("revision", "-m", "name", "--rev-id", "two", "--autogenerate", "--rename", "books.title=books.name")

		r := p.must("upgrade", "head", "--sql")
		require.Empty(t, r.stderr)
		require.Contains(t, r.stdout, "\n-- Running upgrade  -> one, create books\n")
		require.Contains(t, r.stdout, "\n-- Running upgrade one -> two, name\n")
		require.Equal(t, "", p.must("current").stdout, "nothing ran")
		byHand(t, cfg, r.stdout)

		require.Equal(t, "two (head)\n", p.must("current", "--check-heads").stdout)
		require.Equal(t, "No new upgrade operations detected.\n", p.must("check", "--live").stdout)
		require.Contains(t, p.must("status").stdout, "state     up to date\n")
		handmade := p.must("inspect").stdout

		other := *p
		other.on(dbtest.Config(t, cfg.URL.Engine()))
		other.must("upgrade")
		require.Equal(t, other.must("inspect").stdout, handmade)

		// And back, from where the database says that it is.
		byHand(t, cfg, p.must("downgrade", "current:one", "--sql").stdout)
		require.Equal(t, "one\n", p.must("current").stdout)
		byHand(t, cfg, p.must("downgrade", "one:base", "--sql").stdout)
		require.Equal(t, "", p.must("current").stdout)
		require.Empty(t, strings.ReplaceAll(p.must("inspect", "--format", "sql").stdout, "\n", ""))

		// A part of the way, then a stamp.
		part := p.must("upgrade", "one:two", "--sql").stdout
		require.NotContains(t, part, "create books")
		require.Contains(t, part, "-- Running upgrade one -> two, name")
		byHand(t, cfg, p.must("stamp", "head", "--sql").stdout)
		require.Equal(t, "two (head)\n", p.must("current").stdout)
		byHand(t, cfg, p.must("stamp", "two:one", "--sql").stdout)
		require.Equal(t, "one\n", p.must("current").stdout)
		byHand(t, cfg, p.must("stamp", "--purge", "head", "--sql").stdout)
		require.Equal(t, "two (head)\n", p.must("current").stdout)
	})
}
