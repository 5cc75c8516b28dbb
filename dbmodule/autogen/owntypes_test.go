package autogen_test

import (
	"strings"
	"testing"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// legacy has columns whose types on one engine are that engine's own.
type legacy struct {
	bun.BaseModel `bun:"table:legacy"`

	ID    int64    `bun:",pk"`
	Body  string   `bun:"type:text,notnull"`
	Data  []byte   `bun:"type:blob,nullzero"`
	Seen  string   `bun:"type:timestamp,notnull,default:current_timestamp"`
	Made  *string  `bun:"type:timestamp"`
	Ratio float32  `bun:"type:float,notnull,default:0.50"`
	Code  string   `bun:"type:varchar(20),notnull,default:'x'"`
	Tags  []string `bun:"type:text"`
}

func (legacy) ColumnTypes(engine dbmodule.Engine) map[string]string {
	switch engine {
	case dbmodule.MySQL:
		return map[string]string{
			"body": "TEXT", "data": "blob", "seen": "timestamp", "made": "timestamp(3)", "ratio": "float", "code": "varchar(20) collate utf8mb4_bin",
			"tags": "set('a','b')",
		}
	case dbmodule.PostgreSQL:
		return map[string]string{"code": `varchar(20) collate "C"`, "ratio": "real", "tags": "text[]"}
	}
	return nil
}

func TestTypesOfOneEngine(t *testing.T) {
	t.Parallel()
	wants := map[dbmodule.Engine]map[string]string{
		dbmodule.MySQL: {
			"body": "text", "data": "blob", "seen": "timestamp", "made": "timestamp(3)", "ratio": "float", "code": "varchar(20)", "tags": "set('a','b')",
		},
		dbmodule.PostgreSQL: {"body": "text", "data": "bytea", "ratio": "real", "code": "character varying", "tags": "ARRAY"},
	}
	each(t, nil, func(t *testing.T, d database) {
		models := []any{(*legacy)(nil)}
		want := realm(t, d.engine, models...)
		migrate(t, d, compare(t, d.engine, schema.NewRealm(), want).Up)
		for _, snapshot := range []*schema.Realm{nil, want, parse(t, d.engine, marshal(t, d.engine, want))} {
			if draft := compareLive(t, d, snapshot, nil, models); !draft.Empty() {
				t.Errorf("a comparison finds\n%s", strings.Join(draft.Up, "\n"))
			}
		}
		column := map[dbmodule.Engine]string{dbmodule.MySQL: "column_type", dbmodule.PostgreSQL: "data_type"}[d.engine]
		for name, declared := range wants[d.engine] {
			var got string
			q := "SELECT " + column + " FROM information_schema.columns WHERE table_name = 'legacy' AND column_name = ?"
			if err := d.db.QueryRowContext(t.Context(), q, name).Scan(&got); err != nil || got != declared {
				t.Errorf("%s is %s, %v, want %s", name, got, err, declared)
			}
		}
	})
}

type (
	typedNothing struct{ thingsOfOne }
	typedEmpty   struct{ thingsOfOne }
	typedWrong   struct{ thingsOfOne }
	thingsOfOne  struct {
		bun.BaseModel `bun:"table:wrong"`

		A int64
	}
)

func (typedNothing) ColumnTypes(dbmodule.Engine) map[string]string {
	return map[string]string{"b": "int"}
}

func (typedEmpty) ColumnTypes(dbmodule.Engine) map[string]string { return map[string]string{"a": " "} }

func (typedWrong) ColumnTypes(dbmodule.Engine) map[string]string {
	return map[string]string{"a": "varchar(5) collate nocase"}
}

func TestWrongTypesOfOneEngine(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		for want, model := range map[string]any{`no column "b"`: (*typedNothing)(nil), "column a: the type is empty": (*typedEmpty)(nil), "column a: collation nocase": (*typedWrong)(nil)} {
			if _, err := autogen.Realm(engine, model); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %v, want %s", engine, err, want)
			}
		}
	}
}

// namesakes says in its tags what MySQL has types of the same name for.
type namesakes struct {
	bun.BaseModel `bun:"table:namesakes"`

	ID    int64    `bun:",pk"`
	Body  string   `bun:"type:text,notnull"`
	Data  []byte   `bun:"type:blob"`
	Seen  string   `bun:"type:timestamp,notnull,default:current_timestamp"`
	Made  *string  `bun:"type:timestamp"`
	Ratio *float32 `bun:"type:float,default:0.50"`
	Long  *string  `bun:"type:longtext"`
}

// A table that somebody made with MySQL's own types is the one that a model
// with the same words means; another type is found.
func TestNamesakesOfMySQL(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		if d.engine != dbmodule.MySQL {
			return
		}
		models := []any{(*namesakes)(nil)}
		migrateEach(t, d, []string{`CREATE TABLE namesakes (id bigint NOT NULL PRIMARY KEY, body text NOT NULL, data blob NULL,
seen timestamp NOT NULL DEFAULT current_timestamp, made timestamp NULL, ratio float DEFAULT 0.5, "long" longtext) ENGINE InnoDB CHARSET utf8mb4`})
		want := realm(t, d.engine, models...)
		for _, snapshot := range []*schema.Realm{nil, want, parse(t, d.engine, marshal(t, d.engine, want))} {
			if draft := compareLive(t, d, snapshot, nil, models); !draft.Empty() {
				t.Errorf("a comparison finds\n%s", strings.Join(draft.Up, "\n"))
			}
		}
		migrateEach(t, d, []string{`ALTER TABLE namesakes MODIFY body tinytext NOT NULL, MODIFY "long" text`})
		text := strings.Join(compareLive(t, d, nil, nil, models).Up, ";\n")
		if !strings.Contains(text, "`body` longtext") || !strings.Contains(text, "`long` longtext") {
			t.Errorf("after a change a comparison finds\n%s", text)
		}
	})
}
