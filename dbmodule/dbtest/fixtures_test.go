package dbtest_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func fixtureFiles() fstest.MapFS {
	return fstest.MapFS{
		"authors.yml": text("- model: Author\n  rows:\n    - _id: leguin\n      name: Ursula K. Le Guin\n"),
		"books.yml":   text("- model: Book\n  rows:\n    - title: 'it''s 文学'\n      author_id: '{{ $.Author.leguin.ID }}'\n      added: '{{ now }}'\n"),
		"orphan.yml":  text("- model: Book\n  rows:\n    - title: Orphan\n      author_id: 99\n      added: '{{ now }}'\n"),
		"unknown.yml": text("- model: Dragon\n  rows:\n    - name: Smaug\n"),
		"column.yml":  text("- model: Author\n  rows:\n    - names: Smaug\n"),
		"broken.yml":  text("- model: [\n"),
	}
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine dbmodule.Engine) {
		db := dbtest.New(t, engine, dbtest.WithModels(shop()...))
		rows := dbtest.Fixtures(t, db, fixtureFiles(), "authors.yml", "books.yml")
		leGuin, ok := rows.MustRow("Author.leguin").(*author)
		require.True(t, ok)
		var found book
		require.NoError(t, db.DB().NewSelect().Model(&found).Relation("Author").Scan(t.Context()))
		assert.Equal(t, "it's 文学", found.Title)
		assert.Equal(t, leGuin.Name, found.Author.Name)
	})
}

func TestFixturesNameTheFileThatIsWrong(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine dbmodule.Engine) {
		db := dbtest.New(t, engine, dbtest.WithModels(shop()...))
		for _, name := range []string{"orphan.yml", "unknown.yml", "column.yml", "broken.yml", "missing.yml"} {
			o := ended(t, func(t testing.TB) { dbtest.Fixtures(t, db, fixtureFiles(), "authors.yml", name) })
			assert.Contains(t, o.failed, "dbtest: load fixtures: "+name+": ")
		}
		count, err := db.DB().NewSelect().Model((*author)(nil)).Count(t.Context())
		require.NoError(t, err)
		assert.Zero(t, count, "all or nothing")
	})
}
