package compiled_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/internal/compiled"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

type note struct {
	bun.BaseModel `bun:"table:notes"`

	ID    int64   `bun:"id,pk,autoincrement"`
	Title string  `bun:"title,notnull"`
	State string  `bun:"state,nullzero,notnull,default:'new'"`
	Stars *int64  `bun:"stars"`
	Cost  float64 `bun:"cost,nullzero"`
}

// notes are structs with all combinations of zero fields.
func notes() (all []note) {
	stars := int64(-3)
	for i := range 16 {
		n := note{Title: "it's ?0"}
		if i&1 > 0 {
			n.ID = 7
		}
		if i&2 > 0 {
			n.State = "done"
		}
		if i&4 > 0 {
			n.Stars = &stars
		}
		if i&8 > 0 {
			n.Cost = 1.5
		}
		all = append(all, n)
	}
	return all
}

var dialects = map[sqltext.Dialect]func() schema.Dialect{
	sqltext.SQLite:     func() schema.Dialect { return sqlitedialect.New() },
	sqltext.PostgreSQL: func() schema.Dialect { return pgdialect.New() },
}

func TestTextIsBuns(t *testing.T) {
	t.Parallel()
	for d, dialect := range dialects {
		db := bun.NewDB(nil, dialect())
		typ := reflect.TypeFor[note]()
		for name, build := range map[string]compiled.Build{
			"insert": func(db *bun.DB, model any) bun.Query { return db.NewInsert().Model(model) },
			"upsert": func(db *bun.DB, model any) bun.Query {
				return db.NewInsert().Model(model).ExcludeColumn("cost").On("CONFLICT (id) DO UPDATE").Set("title = EXCLUDED.title").Returning("id")
			},
			"update":           func(db *bun.DB, model any) bun.Query { return db.NewUpdate().Model(model).WherePK() },
			"what is not zero": func(db *bun.DB, model any) bun.Query { return db.NewUpdate().Model(model).OmitZero().WherePK() },
			"select": func(db *bun.DB, model any) bun.Query {
				return db.NewSelect().Model(model).Where("stars - ?stars > 1 AND title = ?title")
			},
			"delete": func(db *bun.DB, model any) bun.Query {
				return db.NewDelete().Model(model).WherePK().Where("state = ?state")
			},
		} {
			q, err := compiled.New(db, d, typ, typ, build)
			require.NoError(t, err, name)
			for range 2 {
				for _, n := range notes() {
					text, err := q.Text(reflect.ValueOf(&n).Elem())
					require.NoError(t, err)
					assert.Equal(t, build(db, &n).(interface{ String() string }).String(), text.Query, name)
				}
			}
			if name != "insert" && name != "upsert" {
				continue
			}
			for _, n := range notes() {
				rows := []note{n, n, n}
				rows[1].Title = "other"
				text, err := q.TextOfAll(reflect.ValueOf(&rows).Elem())
				require.NoError(t, err)
				require.NotNil(t, text.Origin.Pattern, name)
				assert.Equal(t, build(db, &rows).(interface{ String() string }).String(), text.Query, name)
				assert.Equal(t, strings.Contains(text.Query, "RETURNING"), text.Returns, text.Query)
			}
			rows := notes()
			text, err := q.TextOfAll(reflect.ValueOf(&rows).Elem())
			require.NoError(t, err)
			assert.Nil(t, text.Origin.Pattern, "structs that are zero in different fields")
			assert.Equal(t, build(db, &rows).(interface{ String() string }).String(), text.Query, name)
			assert.Equal(t, strings.Contains(text.Query, "RETURNING"), text.Returns, text.Query)
		}
	}
}
