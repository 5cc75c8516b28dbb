package autogen_test

import (
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

type unreadEvent struct {
	bun.BaseModel `bun:"table:events"`
	ID            int64     `bun:",pk"`
	At            time.Time `bun:",pk"`
	What          string    `bun:"type:varchar(20),notnull"`
}

type unreadPlain struct {
	bun.BaseModel `bun:"table:plain"`
	ID            int64   `bun:",pk,autoincrement"`
	A             *string `bun:"type:varchar(20)"`
}

type unreadPlainIndexed struct {
	bun.BaseModel `bun:"table:plain"`
	ID            int64   `bun:",pk,autoincrement"`
	A             *string `bun:"type:varchar(20)"`
}

func (*unreadPlainIndexed) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "ux_where", Columns: []string{"a"}, Where: "id is not null"}}
}

type unreadVersioned struct {
	bun.BaseModel `bun:"table:versioned"`
	ID            int64 `bun:",pk"`
}

type unreadShape struct {
	bun.BaseModel `bun:"table:shapes"`
	ID            int64  `bun:",pk,autoincrement"`
	At            string `bun:"type:point,notnull,default:'(0,0)'"`
}

// A table that is partitioned is compared like others.
func TestPartitionedTables(t *testing.T) {
	t.Parallel()
	eachOf(t, []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL}, func(t *testing.T, d database) {
		create := "CREATE TABLE events (id bigint NOT NULL, at timestamptz NOT NULL, what varchar(20) NOT NULL, CONSTRAINT events_pkey PRIMARY KEY (id, at)) PARTITION BY RANGE (at)"
		if d.engine == dbmodule.MySQL {
			create = "CREATE TABLE events (id bigint NOT NULL, at datetime(6) NOT NULL, what varchar(20) NOT NULL, PRIMARY KEY (id, at)) PARTITION BY HASH (id) PARTITIONS 4"
		}
		migrateEach(t, d, []string{create})
		if d.engine == dbmodule.PostgreSQL {
			migrateEach(t, d, []string{"CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"})
		}
		models := []any{(*unreadEvent)(nil)}
		if got := compareLive(t, d, nil, nil, models); !got.Empty() || len(got.LeftAlone) > 0 {
			t.Errorf("drafted %q, left alone %v", got.Up, got.LeftAlone)
		}
		migrateEach(t, d, []string{"ALTER TABLE events ADD COLUMN more integer"})
		if got := compareLive(t, d, nil, nil, models); len(got.Up) != 1 || !strings.Contains(got.Up[0], "DROP COLUMN") {
			t.Errorf("of a column too many drafted %q", got.Up)
		}
	})
}

// SQLite keeps the text of a partial index as it was written.
func TestPartialIndexInSmallLetters(t *testing.T) {
	t.Parallel()
	eachOf(t, []dbmodule.Engine{dbmodule.SQLite}, func(t *testing.T, d database) {
		models := []any{(*unreadPlainIndexed)(nil)}
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, (*unreadPlain)(nil))).Up)
		migrateEach(t, d, []string{"create index ux_where /* WHERE? */ on plain (a) -- WHERE\n where id is not null"})
		if got := compareLive(t, d, nil, nil, models); !got.Empty() {
			t.Errorf("drafted %q", got.Up)
		}
		if got := compareLive(t, d, realm(t, d.engine, models...), nil, []any{(*unreadPlain)(nil)}); len(got.Up) != 1 || !strings.Contains(got.Up[0], "DROP INDEX") {
			t.Errorf("of an index too many drafted %q", got.Up)
		} else {
			migrate(t, d, got.Up)
			migrate(t, d, got.Down)
		}
	})
}

// A default of a type without an operator = is compared like others.
func TestDefaultWithoutAnEqual(t *testing.T) {
	t.Parallel()
	eachOf(t, []dbmodule.Engine{dbmodule.PostgreSQL}, func(t *testing.T, d database) {
		models := []any{(*unreadShape)(nil), (*unreadPlain)(nil)}
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, models...)).Up)
		if got := compareLive(t, d, nil, nil, models); !got.Empty() || len(got.LeftAlone) > 0 {
			t.Errorf("drafted %q, left alone %v", got.Up, got.LeftAlone)
		}
		migrateEach(t, d, []string{"ALTER TABLE shapes ALTER at SET DEFAULT point(1, 2)", "ALTER TABLE plain DROP COLUMN a"})
		if got := compareLive(t, d, nil, nil, models); len(got.Up) != 2 {
			t.Errorf("of two differences drafted %q", got.Up)
		}
	})
}

// The server's settings of quotes are not the reader's business.
func TestInspectUnderANSIQuotes(t *testing.T) {
	t.Parallel()
	eachOf(t, []dbmodule.Engine{dbmodule.MySQL}, func(t *testing.T, d database) {
		models := []any{(*unreadPlain)(nil), (*unreadVersioned)(nil)}
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, models[:1]...)).Up)
		migrateEach(t, d, []string{
			"ALTER TABLE plain ADD CONSTRAINT ck CHECK (a <> 'x'), ADD COLUMN unseen integer INVISIBLE",
			"CREATE TABLE versioned (id bigint PRIMARY KEY, a varchar(20)) WITH SYSTEM VERSIONING",
		})
		err := onConn(t, d.db, func(conn bun.Conn) error {
			if _, err := conn.ExecContext(t.Context(), "SET SESSION sql_mode = 'ANSI_QUOTES'"); err != nil {
				return err
			}
			found, err := autogen.InspectTables(t.Context(), conn)
			if err != nil {
				return err
			}
			if tables := found.Realm.Schemas[0].Tables; len(tables) != 1 || len(found.LeftAlone) > 0 {
				t.Errorf("found %d tables, left alone %v", len(tables), found.LeftAlone)
			}
			draft, err := autogen.CompareLive(t.Context(), conn, nil, nil, models...)
			if len(draft.Up) == 0 || !strings.Contains(draft.Up[0], "ck") || !strings.Contains(leftText(draft), "table versioned is left alone") {
				t.Errorf("drafted %q, left alone %v", draft.Up, draft.LeftAlone)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A table that the user may not read is named, and the rest is compared.
func TestTablesThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	eachOf(t, []dbmodule.Engine{dbmodule.PostgreSQL}, func(t *testing.T, d database) {
		models := []any{(*unreadPlain)(nil), (*unreadEvent)(nil)}
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, models...)).Up)
		err := onConn(t, d.db, func(conn bun.Conn) (err error) {
			for _, statement := range []string{"BEGIN", "CREATE ROLE unread_reader", "GRANT USAGE ON SCHEMA public TO unread_reader", "GRANT SELECT ON plain TO unread_reader", "GRANT SELECT (id) ON events TO unread_reader", "SET ROLE unread_reader"} {
				if _, err := conn.ExecContext(t.Context(), statement); err != nil {
					return err
				}
			}
			draft, err := autogen.CompareLive(t.Context(), conn, nil, nil, models...)
			if !draft.Empty() || !strings.HasPrefix(leftText(draft), "table events is left alone: ") || strings.Contains(leftText(draft), "plain") {
				t.Errorf("drafted %q, left alone %v", draft.Up, draft.LeftAlone)
			}
			_, rollback := conn.ExecContext(t.Context(), "ROLLBACK")
			if err == nil {
				err = rollback
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// One table that atlas can't read costs no other.
func TestTableThatCannotBeRead(t *testing.T) {
	t.Parallel()
	eachOf(t, []dbmodule.Engine{dbmodule.SQLite}, func(t *testing.T, d database) {
		models := []any{(*unreadPlain)(nil), (*besideOther)(nil)}
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, models...)).Up)
		// A table whose key leads to no column: SQLite minds only when it is used.
		migrateEach(t, d, []string{"DROP TABLE plain", "CREATE TABLE plain (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, a varchar, b integer REFERENCES plain (nosuch))"})
		got := compareLive(t, d, nil, nil, models)
		if !got.Empty() || !strings.Contains(leftText(got), "table plain is left alone: it can't be read: ") {
			t.Errorf("drafted %q, left alone %v", got.Up, got.LeftAlone)
		}
		migrateEach(t, d, []string{"ALTER TABLE others DROP COLUMN n"})
		if got := compareLive(t, d, nil, nil, models); len(got.Up) != 1 || !strings.Contains(got.Up[0], "others") {
			t.Errorf("of the rest drafted %q", got.Up)
		}
	})
}

// eachOf is each on some engines only.
func eachOf(t *testing.T, engines []dbmodule.Engine, fn func(t *testing.T, d database)) {
	t.Helper()
	each(t, nil, func(t *testing.T, d database) {
		for _, engine := range engines {
			if engine == d.engine {
				fn(t, d)
			}
		}
	})
}
