package autogen_test

import (
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// besideBook is the model of a table that has more than the model says.
type besideBook struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64      `bun:",pk,autoincrement"`
	Title         string     `bun:"type:varchar(80),notnull"`
	Sold          *time.Time `bun:"type:timestamptz"`
	Pages         *int64
}

// besideBookLonger needs the table to be made again on SQLite, and a column on
// MySQL.
type besideBookLonger struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64      `bun:",pk,autoincrement"`
	Title         string     `bun:"type:varchar(80),notnull"`
	Sold          *time.Time `bun:"type:timestamptz"`
	Pages         int64      `bun:",notnull,default:0"`
}

type besideOther struct {
	bun.BaseModel `bun:"table:others"`
	ID            int64 `bun:",pk,autoincrement"`
	N             *int64
}

// besides are statements by hand on books that models can't express, with
// what names them. An empty name is for what nothing has to name.
func besides(engine dbmodule.Engine) map[string]string {
	switch engine {
	case dbmodule.SQLite:
		return map[string]string{
			"CREATE UNIQUE INDEX ux_lower ON books (lower(title))":                                     "index ux_lower",
			"CREATE INDEX ix_expr ON books (title, (pages + 1) DESC) where pages is not null":          "index ix_expr",
			"CREATE INDEX ix_nocase ON books (title COLLATE NOCASE)":                                   "index ix_nocase",
			"ALTER TABLE books ADD COLUMN upper_title text GENERATED ALWAYS AS (upper(title)) VIRTUAL": "column upper_title",
			"ALTER TABLE books ADD COLUMN [a b] numeric(10, 2) AS (pages * 1.5 + instr('a, (b', ','))": "column a b",
			"ALTER TABLE books ADD COLUMN bare AS (pages)":                                             "column bare",
			"CREATE TRIGGER tr AFTER INSERT ON books BEGIN SELECT 1; END":                              "",
			"CREATE VIEW onlooker AS SELECT id FROM books":                                             "",
			"CREATE TABLE short (book INTEGER REFERENCES books)":                                       "",
		}
	case dbmodule.PostgreSQL:
		return map[string]string{
			"CREATE UNIQUE INDEX ux_lower ON books (lower(title))":                                    "index ux_lower",
			"CREATE INDEX ix_hash ON books USING hash (title)":                                        "index ix_hash",
			"CREATE INDEX ix_gin ON books USING gin (to_tsvector('simple', title))":                   "index ix_gin",
			"CREATE INDEX ix_include ON books (title) INCLUDE (pages)":                                "index ix_include",
			"CREATE INDEX ix_ops ON books (title varchar_pattern_ops)":                                "index ix_ops",
			"CREATE INDEX ix_nulls ON books (pages NULLS FIRST)":                                      "index ix_nulls",
			"CREATE INDEX ix_fill ON books (pages) WITH (fillfactor = 70)":                            "index ix_fill",
			"CREATE UNIQUE INDEX ux_nulls ON books (pages) NULLS NOT DISTINCT":                        "index ux_nulls",
			"ALTER TABLE books ADD CONSTRAINT ex_books EXCLUDE USING btree (title WITH =)":            "index ex_books",
			"ALTER TABLE books ADD COLUMN upper_title text GENERATED ALWAYS AS (upper(title)) STORED": "column upper_title",
			"COMMENT ON TABLE books IS 'the DBA was here'":                                            "",
			"COMMENT ON COLUMN books.title IS 'and here'":                                             "",
			"CREATE VIEW onlooker AS SELECT id FROM books":                                            "",
		}
	}
	return map[string]string{
		"CREATE FULLTEXT INDEX ft_title ON books (title)":                                                 "index ft_title",
		"CREATE INDEX ix_prefix ON books (title(10))":                                                     "index ix_prefix",
		"ALTER TABLE books ADD COLUMN upper_title varchar(80) GENERATED ALWAYS AS (upper(title)) VIRTUAL": "column upper_title",
		"ALTER TABLE books COMMENT 'the DBA was here'":                                                    "",
		"ALTER TABLE books MODIFY title varchar(80) NOT NULL COMMENT 'and here'":                          "",
		"CREATE VIEW onlooker AS SELECT id FROM books":                                                    "",
	}
}

// What models can't express is named and left alone, the rest is compared,
// and a change leads up and down beside it.
func TestBesideTheModels(t *testing.T) {
	t.Parallel()
	models, later := []any{(*besideBook)(nil), (*besideOther)(nil)}, []any{(*besideBookLonger)(nil), (*besideOther)(nil)}
	each(t, nil, func(t *testing.T, d database) {
		known := realm(t, d.engine, models...)
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), known).Up)
		var want []string
		for statement, name := range besides(d.engine) {
			migrateEach(t, d, []string{statement})
			if name != "" {
				want = append(want, "table books: "+name+" is left alone")
			}
		}
		quiet := func(when string, models ...any) {
			t.Helper()
			got := compareLive(t, d, known, nil, models)
			if !got.Empty() {
				t.Errorf("%s drafted %q", when, got.Up)
			}
			if len(got.LeftAlone) != len(want) {
				t.Errorf("%s: %d left alone, want %d: %v", when, len(got.LeftAlone), len(want), got.LeftAlone)
			}
			for _, w := range want {
				if !strings.Contains(leftText(got), w) {
					t.Errorf("%s: %q is not in %s", when, w, leftText(got))
				}
			}
		}
		quiet("beside the models", models...)
		migrateEach(t, d, []string{"INSERT INTO books (title, pages) VALUES ('a', 1)", "ALTER TABLE others DROP COLUMN n"})
		if got := compareLive(t, d, known, nil, models); len(got.Up) != 1 || !strings.Contains(got.Up[0], "others") {
			t.Errorf("of the rest drafted %q", got.Up)
		} else {
			migrate(t, d, got.Up)
		}
		draft := compareLive(t, d, known, nil, later)
		migrate(t, d, draft.Up)
		if d.engine != dbmodule.SQLite { // there the runner puts indexes back
			quiet("after the change", later...)
		}
		migrate(t, d, draft.Down)
		if d.engine != dbmodule.SQLite {
			quiet("after the way back", models...)
		}
	})
}

func leftText(d autogen.Draft) string {
	var b strings.Builder
	for _, l := range d.LeftAlone {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

// besideDeclared says what else its table has.
type besideDeclared struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64      `bun:",pk,autoincrement"`
	Title         string     `bun:"type:varchar(80),notnull"`
	Sold          *time.Time `bun:"type:timestamptz"`
	Pages         *int64
}

func (*besideDeclared) Unmanaged() dbmodule.Unmanaged {
	return dbmodule.Unmanaged{
		Columns: []string{"dba_*", "upper_title"}, Indexes: []string{"dba_i?", "ux_*", "ft_*"},
		Checks: []string{"dba_check"}, ForeignKeys: []string{"dba_key"},
	}
}

type besideDeclaredLonger struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64      `bun:",pk,autoincrement"`
	Title         string     `bun:"type:varchar(80),notnull"`
	Sold          *time.Time `bun:"type:timestamptz"`
	Pages         int64      `bun:",notnull,default:0"`
}

func (*besideDeclaredLonger) Unmanaged() dbmodule.Unmanaged {
	return (*besideDeclared)(nil).Unmanaged()
}

// What a model declares is neither compared nor named.
func TestUnmanaged(t *testing.T) {
	t.Parallel()
	models, later := []any{(*besideDeclared)(nil), (*besideOther)(nil)}, []any{(*besideDeclaredLonger)(nil), (*besideOther)(nil)}
	each(t, nil, func(t *testing.T, d database) {
		known := realm(t, d.engine, models...)
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), known).Up)
		statements := []string{
			"CREATE INDEX dba_ix ON books (pages)",
			"ALTER TABLE books ADD COLUMN dba_note varchar(20) NOT NULL DEFAULT 'x'",
			"ALTER TABLE books ADD COLUMN dba_other bigint CONSTRAINT dba_key REFERENCES others (id)",
		}
		switch d.engine {
		case dbmodule.SQLite:
			statements = append(statements, "ALTER TABLE books ADD COLUMN dba_c integer CONSTRAINT dba_check CHECK (dba_c > 0)", "CREATE INDEX ux_lower ON books (lower(title))")
		case dbmodule.PostgreSQL:
			statements = append(statements, "ALTER TABLE books ADD CONSTRAINT dba_check CHECK (pages > 0)", "CREATE INDEX ux_lower ON books (lower(title))")
		case dbmodule.MySQL:
			statements[2] = "ALTER TABLE books ADD COLUMN dba_other bigint, ADD CONSTRAINT dba_key FOREIGN KEY dba_iy (dba_other) REFERENCES others (id)"
			statements = append(statements, "ALTER TABLE books ADD CONSTRAINT dba_check CHECK (pages > 0)", "CREATE FULLTEXT INDEX ft_t ON books (title)")
		}
		migrateEach(t, d, statements)
		quiet := func(when string, models ...any) {
			t.Helper()
			if got := compareLive(t, d, known, nil, models); !got.Empty() || len(got.LeftAlone) > 0 {
				t.Errorf("%s drafted %q and left alone %v", when, got.Up, got.LeftAlone)
			}
			if got := diff(t, d, models...); len(got) > 0 {
				t.Errorf("%s: %d changes", when, len(got))
			}
		}
		quiet("beside the models", models...)
		migrateEach(t, d, []string{"INSERT INTO books (title, pages, dba_note) VALUES ('a', 1, 'kept')"})
		draft := compareLive(t, d, known, nil, later)
		migrate(t, d, draft.Up)
		quiet("after the change", later...)
		migrate(t, d, draft.Down)
		quiet("after the way back", models...)
		var note string
		if err := d.db.QueryRowContext(t.Context(), "SELECT dba_note FROM books WHERE pages = 1").Scan(&note); err != nil || note != "kept" {
			t.Errorf("the DBA's column has %q, %v", note, err)
		}
		// Nobody declared these.
		plain := []any{(*besideBook)(nil), (*besideOther)(nil)}
		if got := compareLive(t, d, known, nil, plain); got.Empty() {
			t.Error("what is not declared is not reported")
		}
	})
}

// besideView is the model of a view.
type besideView struct {
	bun.BaseModel `bun:"table:onlooker"`
	ID            int64 `bun:",pk"`
}

func (*besideView) Unmanaged() dbmodule.Unmanaged { return dbmodule.Unmanaged{Table: true} }

// besideViewer refers to the view.
type besideViewer struct {
	bun.BaseModel `bun:"table:viewers"`
	ID            int64       `bun:",pk,autoincrement"`
	SeenID        int64       `bun:",notnull"`
	Seen          *besideView `bun:"rel:belongs-to,join:seen_id=id"`
}

// besidePlainView is one that says nothing.
type besidePlainView struct {
	bun.BaseModel `bun:"table:onlooker"`
	ID            int64 `bun:",pk"`
}

// A model of a view makes no table and drops none.
func TestUnmanagedTable(t *testing.T) {
	t.Parallel()
	models := []any{(*besideView)(nil), (*besideViewer)(nil), (*besideOther)(nil)}
	each(t, nil, func(t *testing.T, d database) {
		migrateEach(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, models...)).Up)
		migrateEach(t, d, []string{"CREATE VIEW onlooker AS SELECT id FROM others"})
		if got := compareLive(t, d, nil, nil, models); !got.Empty() || len(got.LeftAlone) > 0 {
			t.Errorf("drafted %q and left alone %v", got.Up, got.LeftAlone)
		}
		got := compareLive(t, d, nil, nil, []any{(*besidePlainView)(nil)})
		if !got.Empty() || !strings.Contains(leftText(got), "table onlooker is left alone: it is a view") {
			t.Errorf("of an undeclared view drafted %q and left alone %v", got.Up, got.LeftAlone)
		}
		missing, err := autogen.NewTables().Missing(t.Context(), d.db, models)
		if err != nil || len(missing) > 0 {
			t.Errorf("missing %v, %v", missing, err)
		}
		err = onConn(t, d.db, func(conn bun.Conn) error {
			if created, err := autogen.NewTables().Create(t.Context(), conn, models); err != nil || len(created) > 0 {
				t.Errorf("created %v, %v", created, err)
			}
			dropped, err := autogen.NewTables().Drop(t.Context(), conn, []any{(*besideView)(nil)})
			if len(dropped) > 0 {
				t.Errorf("dropped %v", dropped)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

type besideKey struct {
	bun.BaseModel `bun:"table:keyed"`
	A             int64  `bun:",pk"`
	B             string `bun:"type:varchar(9),pk"`
	C             int64  `bun:",notnull"`
}

func (*besideKey) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "ck_c", Expression: "c > 0"}}
}

// The order of a primary key's columns, its kind and NO INHERIT are the database's.
func TestBesideKeysAndChecks(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		var end string
		switch d.engine {
		case dbmodule.PostgreSQL:
			end = " NO INHERIT)"
		case dbmodule.MySQL:
			end = ") ENGINE = MEMORY"
		default:
			end = ")"
		}
		migrateEach(t, d, []string{"CREATE TABLE keyed (a bigint NOT NULL, b varchar(9) NOT NULL, c bigint NOT NULL, PRIMARY KEY (b, a), CONSTRAINT ck_c CHECK (c > 0)" + end})
		if got := compareLive(t, d, nil, nil, []any{(*besideKey)(nil)}); !got.Empty() {
			t.Errorf("drafted %q", got.Up)
		}
	})
}
