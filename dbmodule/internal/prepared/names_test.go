package prepared_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

func TestNamesIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]prepared.Names{
		`SELECT "n"."a""b", max(c) AS most FROM "s"."notes" AS "n" WHERE (n.d = 1) ORDER BY most`: {
			Columns: []string{`a"b`, "c", "d", "most"}, Given: []string{"most", "notes", "n"}, Tables: 1,
		},
		`SELECT a FROM x JOIN y z ON x.b = z.c`: {Columns: []string{"a", "b", "c"}, Given: []string{"x", "y", "z"}, Tables: 2},
		`INSERT INTO notes (a, b) VALUES (1, 2) ON CONFLICT (c) DO UPDATE SET b = EXCLUDED.b RETURNING id`: {Columns: []string{"a", "b", "c", "b", "b", "id"}, Given: []string{"notes"}, Tables: 1},
		`UPDATE notes AS n SET a = b + 1 WHERE c IN (1, 2)`:                                                {Columns: []string{"a", "b", "c"}, Given: []string{"notes", "n"}, Tables: 1},
		`DELETE FROM notes WHERE a = 'b'`:                                                                  {Columns: []string{"a"}, Given: []string{"notes"}, Tables: 1},
	} {
		names, ok := prepared.NamesIn(sqltext.PostgreSQL, text)
		assert.True(t, ok, text)
		assert.Equal(t, want, names, text)
	}
	_, ok := prepared.NamesIn(sqltext.PostgreSQL, `SELECT some_function(a, 1) FROM notes`)
	assert.False(t, ok)
}
