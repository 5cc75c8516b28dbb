package autogen_test

import (
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

type adoptCode struct {
	bun.BaseModel `bun:"table:codes"`
	Code          string `bun:"type:varchar(20),pk"`
}

type adoptExact struct {
	bun.BaseModel `bun:"table:exact"`
	ID            int64      `bun:",pk,autoincrement"`
	Code          string     `bun:"type:varchar(20),notnull"`
	Bin           string     `bun:"type:varchar(20) collate utf8mb4_unicode_ci,notnull"`
	Owner         *adoptCode `bun:"rel:belongs-to,join:code=code"`
}

// A new table has its database's collation, so that a key to an older one can
// be made.
func TestTablesTakeTheDatabasesCollation(t *testing.T) {
	t.Parallel()
	for _, collation := range []string{"utf8mb4_unicode_ci", "utf8mb4_uca1400_ai_ci"} {
		t.Run(collation, func(t *testing.T) {
			t.Parallel()
			eachOf(t, []dbmodule.Engine{dbmodule.MySQL}, func(t *testing.T, d database) {
				var known bool
				err := d.db.QueryRowContext(t.Context(), "SELECT COUNT(*) > 0 FROM information_schema.collations WHERE ? LIKE CONCAT('%', collation_name)", collation).Scan(&known)
				if err != nil {
					t.Fatal(err)
				}
				if !known {
					t.Skipf("the server has no %s", collation)
				}
				migrateEach(t, d, []string{"ALTER DATABASE COLLATE " + collation, "CREATE TABLE codes (code varchar(20) NOT NULL PRIMARY KEY)"})
				models := []any{(*adoptCode)(nil), (*adoptExact)(nil)}
				draft := compareLive(t, d, nil, nil, models)
				migrateEach(t, d, draft.Up)
				if got := compareLive(t, d, nil, nil, models); !got.Empty() || len(got.LeftAlone) > 0 {
					t.Errorf("drafted again %q, left alone %v", got.Up, got.LeftAlone)
				}
				var collations int
				err = d.db.QueryRowContext(t.Context(), "SELECT COUNT(DISTINCT table_collation) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN ('codes', 'exact')").Scan(&collations)
				if err != nil || collations != 1 {
					t.Errorf("%d collations, %v", collations, err)
				}
			})
		})
	}
}

// A snapshot from before that has a character set in it is no difference.
func TestSnapshotWithACharacterSet(t *testing.T) {
	t.Parallel()
	text, err := autogen.MarshalSnapshot(dbmodule.MySQL, realm(t, dbmodule.MySQL, (*adoptCode)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	old := strings.Replace(string(text), "  primary_key", "  charset = \"utf8mb4\"\n  primary_key", 1)
	if old == string(text) {
		t.Fatalf("nothing to replace in %s", text)
	}
	from, err := autogen.ParseSnapshot(dbmodule.MySQL, []byte(old), "old")
	if err != nil {
		t.Fatal(err)
	}
	if got := compare(t, dbmodule.MySQL, from, realm(t, dbmodule.MySQL, (*adoptCode)(nil))); !got.Empty() {
		t.Errorf("drafted %q", got.Up)
	}
}

type adoptSchema struct {
	bun.BaseModel `bun:"table:app.items"`
	ID            int64  `bun:",pk,autoincrement"`
	Name          string `bun:"type:varchar(40),notnull,unique"`
}

// A schema that is there is used without the right to make one; one that is
// not there is made.
func TestSchemaThatTheDBAMade(t *testing.T) {
	t.Parallel()
	eachOf(t, []dbmodule.Engine{dbmodule.PostgreSQL}, func(t *testing.T, d database) {
		draft := compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, (*adoptSchema)(nil)))
		migrate(t, d, draft.Up)
		migrate(t, d, draft.Down)
		role := "adopt_" + strings.ReplaceAll(strings.ToLower(t.Name()), "/", "_")
		err := onConn(t, d.db, func(conn bun.Conn) error {
			statements := append([]string{"BEGIN", "DROP SCHEMA app", "CREATE ROLE " + role, "CREATE SCHEMA app AUTHORIZATION " + role, "SET ROLE " + role}, draft.Up...)
			for _, statement := range append(statements, "ROLLBACK") {
				if _, err := conn.ExecContext(t.Context(), statement); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

type adoptUpper struct {
	bun.BaseModel `bun:"table:Users"`
	ID            int64  `bun:",pk,autoincrement"`
	UserName      string `bun:"userName,type:varchar(40),notnull"`
}

type adoptLower struct {
	bun.BaseModel `bun:"table:users"`
	ID            int64  `bun:",pk,autoincrement"`
	UserName      string `bun:"username,type:varchar(40),notnull"`
}

// A table whose name differs in capitals only is the model's where the engine
// takes it for that, and else a warning.
func TestNamesThatDifferInCapitals(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		models := []any{(*adoptUpper)(nil)}
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, (*adoptLower)(nil))).Up)
		got := compareLive(t, d, nil, nil, models)
		if d.engine == dbmodule.SQLite {
			if !got.Empty() || len(got.Warnings) > 0 {
				t.Errorf("drafted %q, warned %v", got.Up, got.Warnings)
			}
			if _, err := autogen.Realm(d.engine, (*adoptUpper)(nil), (*adoptLower)(nil)); err == nil {
				t.Error("two models of one table are no error")
			}
			return
		}
		if len(got.Warnings) == 0 || got.Warnings[0].Code != autogen.NameCase || !strings.Contains(got.Warnings[0].Text, "table users") {
			t.Errorf("warned %v", got.Warnings)
		}
	})
}

type adoptNumbered struct {
	bun.BaseModel `bun:"table:t"`
	ID            int64   `bun:",pk,autoincrement"`
	A             *string `bun:"type:varchar(20),unique"`
	B             *string `bun:"type:varchar(20)"`
}

type adoptPlain struct {
	bun.BaseModel `bun:"table:t"`
	ID            int64   `bun:",pk"`
	A             *string `bun:"type:varchar(20)"`
	B             *string `bun:"type:varchar(20),notnull,default:'b'"`
}

// What numbers rows and what is unique has another form in a database that
// another tool made: it counts as the model's, and what changes it runs.
func TestFormsOfOtherTools(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		creates := map[dbmodule.Engine][]string{
			dbmodule.SQLite: {
				"CREATE TABLE t (id INTEGER NOT NULL, a VARCHAR(20), b VARCHAR(20), PRIMARY KEY (id), UNIQUE (a))",
				"CREATE TABLE t (id integer primary key autoincrement, a varchar(20) unique, b varchar(20))",
			},
			dbmodule.PostgreSQL: {
				"CREATE TABLE t (id bigserial, a varchar(20), b varchar(20), PRIMARY KEY (id), CONSTRAINT uq_t_a UNIQUE (a))",
				"CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 7), a varchar(20), b varchar(20), CONSTRAINT pk_t PRIMARY KEY (id), CONSTRAINT uq_t_a UNIQUE (a))",
			},
			dbmodule.MySQL: {"CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT, a VARCHAR(20), b VARCHAR(20), PRIMARY KEY (id), UNIQUE uq_t_a (a))"},
		}
		for _, create := range creates[d.engine] {
			migrateEach(t, d, []string{create, "INSERT INTO t (a) VALUES ('x')"})
			models := []any{(*adoptNumbered)(nil)}
			if got := compareLive(t, d, nil, nil, models); !got.Empty() || len(got.LeftAlone) > 0 {
				t.Errorf("%s: drafted %q, left alone %v", create, got.Up, got.LeftAlone)
			}
			draft := compareLive(t, d, nil, nil, []any{(*adoptPlain)(nil)})
			migrate(t, d, draft.Up)
			if got := compareLive(t, d, nil, nil, []any{(*adoptPlain)(nil)}); !got.Empty() {
				t.Errorf("%s: after the change drafted %q", create, got.Up)
			}
			migrate(t, d, draft.Down)
			if got := compareLive(t, d, nil, nil, models); !got.Empty() {
				t.Errorf("%s: after the way back drafted %q", create, got.Up)
			}
			migrateEach(t, d, []string{"INSERT INTO t (a) VALUES ('y')", "DROP TABLE t"})
		}
	})
}

type adoptKeyed struct {
	bun.BaseModel `bun:"table:keyed"`
	ID            int64      `bun:",pk,autoincrement"`
	Code          string     `bun:"type:varchar(20),notnull"`
	Owner         *adoptCode `bun:"rel:belongs-to,join:code=code"`
}

func (*adoptKeyed) ForeignKeyNames() map[string]string {
	return map[string]string{"code": "keyed_code_fkey"}
}

type adoptMisnamed struct {
	bun.BaseModel `bun:"table:keyed"`
	ID            int64 `bun:",pk,autoincrement"`
}

func (*adoptMisnamed) ForeignKeyNames() map[string]string { return map[string]string{"code": "x"} }

// A foreign key has the name that its model gives it.
func TestForeignKeyNames(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL} {
		table, _ := realm(t, engine, (*adoptCode)(nil), (*adoptKeyed)(nil)).Schemas[0].Table("keyed")
		if _, ok := table.ForeignKey("keyed_code_fkey"); !ok {
			t.Errorf("%s: the key is %q", engine, table.ForeignKeys[0].Symbol)
		}
		if _, err := autogen.Realm(engine, (*adoptMisnamed)(nil)); err == nil || !strings.Contains(err.Error(), `"code"`) {
			t.Errorf("%s: a name for no key: %v", engine, err)
		}
	}
}
