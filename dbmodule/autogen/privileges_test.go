package autogen_test

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

type grantedParent struct {
	bun.BaseModel `bun:"table:parents"`
	ID            int64  `bun:",pk,autoincrement"`
	Name          string `bun:"type:varchar(20),notnull,unique,default:'a'"`
}

func (*grantedParent) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "ck_named", Expression: "name <> ''"}}
}

type grantedChild struct {
	bun.BaseModel `bun:"table:children"`
	ID            int64          `bun:",pk,autoincrement"`
	ParentID      int64          `bun:",notnull"`
	Parent        *grantedParent `bun:"rel:belongs-to,join:parent_id=id"`
	Word          string         `bun:"type:varchar(20),notnull"`
	Document      map[string]any `bun:"type:jsonb"`
}

func (*grantedChild) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "ix_word", Columns: []string{"word"}}}
}

type grantedMissing struct {
	bun.BaseModel `bun:"table:missing"`
	ID            int64 `bun:",pk,autoincrement"`
}

// restricted is the database at rawURL as a new user of it sees it. grants
// have {user} and {database} in them.
func restricted(t *testing.T, rawURL string, owner database, grants ...string) database {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	user := fmt.Sprintf("u%x", sha256.Sum224([]byte(name)))[:20]
	account, create, remove := "`"+user+"`@`%`", "CREATE USER `"+user+"`@`%` IDENTIFIED BY 'p'", "DROP USER `"+user+"`@`%`"
	if owner.engine == dbmodule.PostgreSQL {
		account, create, remove = `"`+user+`"`, `CREATE ROLE "`+user+`" LOGIN PASSWORD 'p'`, `DROP OWNED BY "`+user+`"; DROP ROLE "`+user+`"`
	}
	replace := strings.NewReplacer("{user}", account, "{database}", name)
	for _, statement := range append([]string{create}, grants...) {
		if _, err := owner.db.DB.ExecContext(t.Context(), replace.Replace(statement)); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	u.User = url.UserPassword(user, "p")
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL(u.String()); err != nil {
		t.Fatal(err)
	}
	whole := dbtest.Open(t, cfg)
	t.Cleanup(func() {
		// The connections of the user end first.
		err := whole.Close()
		for statement := range strings.SplitSeq(remove, "; ") {
			if err == nil {
				_, err = owner.db.DB.Exec(statement)
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
	return database{engine: owner.engine, db: whole.DB(), whole: whole}
}

// owned is an empty database with its URL.
func owned(t *testing.T, engine dbmodule.Engine) (string, database) {
	t.Helper()
	rawURL := dbtest.URL(t, engine)
	cfg := dbmodule.DefaultConfig()
	var err error
	if cfg.URL, err = dbmodule.ParseURL(rawURL); err != nil {
		t.Fatal(err)
	}
	whole := dbtest.Open(t, cfg)
	return rawURL, database{engine: engine, db: whole.DB(), whole: whole}
}

// A table that the server hides from the user, or shows in part, is named and
// left alone: it is not missing, and neither are its columns and keys. Whoever
// may know that a table is missing gets the statement that makes it.
func TestPrivilegesOfTheUser(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		engine dbmodule.Engine
		grants []string
		// left are the tables that are left alone, or a part behind the
		// table's name, and made the tables to make.
		left, made []string
	}{
		{"one table only", dbmodule.MySQL, []string{"GRANT SELECT ON {database}.parents TO {user}"}, []string{"children", "missing", "parents check ck_named"}, nil},
		{"the child only", dbmodule.MySQL, []string{"GRANT SELECT ON {database}.children TO {user}"}, []string{"children foreign key fk_children_parent_id", "missing", "parents"}, nil},
		{"writing the child", dbmodule.MySQL, []string{"GRANT SELECT, INSERT ON {database}.children TO {user}"}, []string{"children foreign key fk_children_parent_id", "missing", "parents"}, nil},
		{"some columns", dbmodule.MySQL, []string{"GRANT SELECT (id) ON {database}.parents TO {user}", "GRANT SELECT ON {database}.children TO {user}"}, []string{"children foreign key fk_children_parent_id", "missing", "parents"}, nil},
		{"no columns", dbmodule.MySQL, []string{"GRANT CREATE ON {database}.* TO {user}"}, []string{"children", "parents"}, []string{"missing"}},
		{"some columns and no rows", dbmodule.MySQL, []string{"GRANT CREATE ON {database}.* TO {user}", "GRANT SELECT (id, parent_id, word) ON {database}.children TO {user}", "GRANT ALL ON {database}.parents TO {user}"}, []string{"children"}, []string{"missing"}},
		{"reading all", dbmodule.MySQL, []string{"GRANT SELECT ON {database}.* TO {user}"}, []string{"children foreign key fk_children_parent_id"}, []string{"missing"}},
		{"inserting only", dbmodule.MySQL, []string{"GRANT INSERT ON {database}.* TO {user}"}, nil, []string{"missing"}},
		{"everything", dbmodule.MySQL, []string{"GRANT ALL ON {database}.* TO {user}"}, nil, []string{"missing"}},

		{"no table", dbmodule.PostgreSQL, nil, []string{"children", "parents"}, []string{"missing"}},
		{"one table only", dbmodule.PostgreSQL, []string{"GRANT SELECT ON parents TO {user}"}, []string{"children"}, []string{"missing"}},
		{"some columns", dbmodule.PostgreSQL, []string{"GRANT SELECT (id) ON parents TO {user}", "GRANT SELECT ON children TO {user}"}, []string{"parents"}, []string{"missing"}},
		{"reading all", dbmodule.PostgreSQL, []string{"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"}, nil, []string{"missing"}},
		{"the schema denied", dbmodule.PostgreSQL, []string{"REVOKE USAGE ON SCHEMA public FROM public", "CREATE SCHEMA own AUTHORIZATION {user}", "ALTER ROLE {user} SET search_path = own, public"}, []string{"children", "parents"}, []string{"missing"}},
	}
	models := []any{(*grantedParent)(nil), (*grantedChild)(nil), (*grantedMissing)(nil)}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.engine, " ", test.name), func(t *testing.T) {
			t.Parallel()
			rawURL, owner := owned(t, test.engine)
			migrate(t, owner, compare(t, test.engine, realm(t, test.engine), realm(t, test.engine, models[:2]...)).Up)
			d := restricted(t, rawURL, owner, test.grants...)
			for when, snapshot := range map[string]bool{"without a snapshot": false, "with one": true} {
				known := realm(t, test.engine)
				if snapshot {
					known = realm(t, test.engine, models[:2]...)
				}
				draft := compareLive(t, d, known, nil, models)
				if !sameNames(statementTables(draft.Up), test.made) {
					t.Errorf("%s drafted %q, want statements for %q", when, draft.Up, test.made)
				}
				var left []string
				for _, l := range draft.LeftAlone {
					left = append(left, strings.TrimSpace(l.Table+" "+l.Object))
				}
				if !sameNames(left, test.left) {
					t.Errorf("%s left alone %v, want %q", when, draft.LeftAlone, test.left)
				}
			}
		})
	}
}

// statementTables are the tables that statements make; of another statement it
// is the text.
func statementTables(statements []string) []string {
	var names []string
	for _, statement := range statements {
		words := strings.Fields(statement)
		if len(words) > 2 && words[0] == "CREATE" && words[1] == "TABLE" {
			statement = strings.Trim(words[2], "`\"")
		}
		names = append(names, statement)
	}
	return names
}

func sameNames(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

type grantedDefaults struct {
	bun.BaseModel `bun:"table:defaults"`
	ID            int64  `bun:",pk,autoincrement"`
	Lower         string `bun:"type:varchar(20),notnull,default:lower('A')"`
	Plain         string `bun:"type:varchar(20),notnull,default:'it''s'"`
	Number        int64  `bun:",notnull,default:7"`
	Amount        string `bun:"type:numeric(12,2),notnull,default:1.50"`
	Truth         bool   `bun:",notnull,default:true"`
}

type grantedDefaultsOther struct {
	bun.BaseModel `bun:"table:defaults"`
	ID            int64  `bun:",pk,autoincrement"`
	Lower         string `bun:"type:varchar(20),notnull,default:lower('B')"`
	Plain         string `bun:"type:varchar(20),notnull,default:'other'"`
	Number        int64  `bun:",notnull,default:8"`
	Amount        string `bun:"type:numeric(12,2),notnull,default:2.50"`
	Truth         bool   `bun:",notnull,default:false"`
}

// A user for whom the server makes no temporary table hears of defaults that
// differ for sure, and of those that nobody can tell.
func TestDefaultsWithoutTemporaryTables(t *testing.T) {
	t.Parallel()
	const read = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"
	tests := []struct {
		name   string
		engine dbmodule.Engine
		grants []string
	}{
		{"MariaDB", dbmodule.MySQL, []string{"GRANT SELECT, INSERT, ALTER ON {database}.* TO {user}"}},
		{"PostgreSQL", dbmodule.PostgreSQL, []string{read, "REVOKE TEMPORARY ON DATABASE {database} FROM public"}},
		{"PostgreSQL read-only", dbmodule.PostgreSQL, []string{read, "ALTER ROLE {user} SET default_transaction_read_only = on"}},
	}
	model, other := []any{(*grantedDefaults)(nil)}, []any{(*grantedDefaultsOther)(nil)}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			engine := test.engine
			rawURL, owner := owned(t, engine)
			migrate(t, owner, compare(t, engine, realm(t, engine), realm(t, engine, model...)).Up)
			d := restricted(t, rawURL, owner, test.grants...)
			untold := func(when string, draft autogen.Draft) {
				t.Helper()
				if len(draft.LeftAlone) != 1 || !strings.Contains(leftText(draft), "the default of column lower, ") || !strings.Contains(leftText(draft), "no temporary table") {
					t.Errorf("%s left alone %v, want the default of column lower", when, draft.LeftAlone)
				}
			}
			draft := compareLive(t, d, nil, nil, model)
			untold("of what is there", draft)
			if !draft.Empty() {
				t.Errorf("of what is there drafted %q", draft.Up)
			}
			draft = compareLive(t, d, nil, nil, other)
			untold("of other defaults", draft)
			for _, column := range []string{"plain", "number", "amount", "truth"} {
				if !strings.Contains(strings.Join(draft.Up, "\n"), column) {
					t.Errorf("%s is not in %q", column, draft.Up)
				}
			}
			if strings.Contains(strings.Join(draft.Up, "\n"), "lower") {
				t.Errorf("drafted %q", draft.Up)
			}
			if draft := compareLive(t, owner, nil, nil, other); !strings.Contains(strings.Join(draft.Up, "\n"), "lower") || len(draft.LeftAlone) > 0 {
				t.Errorf("the owner drafted %q, left alone %v", draft.Up, draft.LeftAlone)
			}
		})
	}
}
