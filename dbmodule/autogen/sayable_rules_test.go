package autogen_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// ruled has every kind of check and index that a model can ask for.
type ruled struct {
	bun.BaseModel `bun:"table:ruled"`

	ID      int64   `bun:",pk"`
	A       int64   `bun:",notnull"`
	B       *int64  `bun:",unique"`
	C       string  `bun:"type:varchar(40),notnull,unique:pair"`
	D       string  `bun:"type:varchar(40),unique:pair"`
	Order   *int64  `bun:"order"`
	Mixed   *string `bun:"mixedCase,type:varchar(40)"`
	Deleted *string `bun:"deleted_at,type:timestamp"`
	Price   string  `bun:"type:numeric(10,2),notnull,default:0.00"`
}

func (ruled) Checks() []dbmodule.Check {
	var checks []dbmodule.Check
	for i, x := range []string{
		"a > 0", "(a > 0)", "a>=-1", "a <> 5 AND b IS NOT NULL", "(a > 0) AND (a < 10)", "(a > 0) OR (b > 0)", "a IN (1, 2, 3)",
		"a BETWEEN 1 AND 10", "NOT (a = 7)", "c <> ''", "c <> 'it''s'", "c <> '${x}'", "c <> '%{y}'", "c LIKE 'a%'", "length(c) < 40",
		"lower(c) = c", "a + 1 > b * 2", "b IS NULL OR b > a", "price >= 0.00", "price < 1e3", "coalesce(b, 0) >= 0", "c <> ')'", "c <> '('",
		"CASE WHEN a > 0 THEN b > 0 ELSE b < 0 END", "c <> 'a;b'", "c <> '-- x'", "c /* x */ <> 'y'", "c\n<>\n'x'", "trim(c) = c", "a % 2 = 0", "a=1", "a   =   2",
	} {
		checks = append(checks, dbmodule.Check{Name: fmt.Sprintf("said_%d", i), Expression: x})
	}
	return append(checks, dbmodule.Check{Expression: "a <> 77"}, dbmodule.Check{Expression: "(a <> 78)"})
}

func (ruled) Indexes() []dbmodule.Index {
	indexes := []dbmodule.Index{
		{Columns: []string{"a"}},
		{Columns: []string{"a DESC"}},
		{Columns: []string{"a", "b"}},
		{Columns: []string{"a desc", "b asc"}},
		{Columns: []string{"order"}},
		{Columns: []string{"mixedCase"}},
		{Columns: []string{"mixedCase DESC", "order"}},
		{Columns: []string{"a", "c"}, Unique: true},
		{Columns: []string{"c", "a"}, Unique: true},
		{Name: "Said", Columns: []string{"b", "a"}},
		{Name: "said name", Columns: []string{"c", "d"}},
	}
	for _, where := range []string{
		"deleted_at IS NULL", "(deleted_at IS NULL)", "a > 0", "a > 0 and b is not null", "c <> 'it''s'", "c <> '${x}'", "a in (1, 2)", "(a > 0) or (a < -5)",
		"price > 0.00", "lower(c) = 'x'",
	} {
		indexes = append(indexes, dbmodule.Index{Columns: []string{"b", "c"}, Where: where})
	}
	return indexes
}

// hashed has a unique column that is too long for a tree on MariaDB.
type hashed struct {
	bun.BaseModel `bun:"table:hashed"`

	ID  int64  `bun:",pk"`
	URL string `bun:"type:varchar(2000),notnull,unique"`
}

// A comment to the end of the line would take what follows with it.
func TestRulesWithComments(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		for _, model := range []any{thing[commentedCheck]()[0], thing[commentedWhere]()[0], modelOf("said", sayables("bigint | 1 + 2 -- three"))} {
			if _, err := autogen.Realm(engine, model); err == nil || !strings.Contains(err.Error(), "comment") {
				t.Errorf("%s: %T: error is %v", engine, model, err)
			}
		}
	}
}

type (
	commentedCheck struct{ A int64 }
	commentedWhere struct{ A int64 }
)

func (commentedCheck) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Expression: "a <> '--' -- never"}}
}

func (commentedWhere) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"a"}, Where: "a > 0 -- positive"}}
}

func TestRulesComeBackFromTheSnapshot(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			want := realm(t, engine, (*ruled)(nil), (*hashed)(nil))
			text := marshal(t, engine, want)
			got := parse(t, engine, text)
			if draft := compare(t, engine, got, want); !draft.Empty() {
				t.Errorf("they come back as others:\n%s\nfrom\n%s", strings.Join(draft.Up, "\n"), text)
			}
			if made, remade := tablesDDL(t, engine, want), tablesDDL(t, engine, got); made != remade {
				t.Errorf("the snapshot makes\n%s\nand the models\n%s", remade, made)
			}
			if again := marshal(t, engine, got); !bytes.Equal(again, text) {
				t.Errorf("written again it is\n%s\nand was\n%s", again, text)
			}
		})
	}
}

func TestRulesAreQuietOnTheDatabase(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		models := []any{(*ruled)(nil), (*hashed)(nil)}
		want := realm(t, d.engine, models...)
		migrate(t, d, compare(t, d.engine, schema.NewRealm(), want).Up)
		for _, snapshot := range []*schema.Realm{nil, want} {
			if draft := compareLive(t, d, snapshot, nil, models); !draft.Empty() {
				t.Errorf("a comparison finds\n%s", strings.Join(draft.Up, "\n"))
			}
		}
	})
}

// A default that is another one is found, and only that: one by one, in a
// transaction that goes on, and with nothing left behind.
func TestAskedDefaultsThatDiffer(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		had := modelOf("asked", sayables("varchar(40) | lower('A')\njson | '{\"a\":1}'\nvarchar(40) | upper('c')"))
		has := modelOf("asked", sayables("varchar(40) | lower('B')\njson | '{\"a\":2}'\nvarchar(40) | upper('c')"))
		migrate(t, d, compare(t, d.engine, schema.NewRealm(), realm(t, d.engine, had)).Up)
		err := onConn(t, d.db, func(conn bun.Conn) error {
			if err := execRaw(t.Context(), conn, "BEGIN"); err != nil {
				return err
			}
			for range 2 {
				draft, err := autogen.CompareLive(t.Context(), conn, nil, nil, has)
				if err != nil {
					return err
				}
				text := strings.Join(draft.Up, ";\n")
				if !strings.Contains(text, "lower('B')") || !strings.Contains(text, `{"a":2}`) || d.engine != dbmodule.SQLite && strings.Contains(text, "upper('c')") {
					t.Errorf("a comparison finds\n%s", text)
				}
			}
			return execRaw(t.Context(), conn, "ROLLBACK")
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
