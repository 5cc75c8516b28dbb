package autogen_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

func onConn(t *testing.T, db *bun.DB, fn func(conn bun.Conn) error) error {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		// A context that ends in a statement takes MySQL's connection with it.
		if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
			t.Errorf("close: %v", err)
		}
	}()
	return fn(conn)
}

func create(t *testing.T, db *bun.DB, models ...any) []string {
	t.Helper()
	var created []string
	err := onConn(t, db, func(conn bun.Conn) (err error) {
		created, err = autogen.NewTables().Create(t.Context(), conn, models)
		return err
	})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return created
}

func drop(t *testing.T, db *bun.DB, models ...any) ([]string, error) {
	t.Helper()
	var dropped []string
	err := onConn(t, db, func(conn bun.Conn) (err error) {
		dropped, err = autogen.NewTables().Drop(t.Context(), conn, models)
		return err
	})
	return dropped, err
}

func missing(t *testing.T, db bun.IDB, models ...any) []string {
	t.Helper()
	names, err := autogen.NewTables().Missing(t.Context(), db, models)
	if err != nil {
		t.Fatalf("Missing: %v", err)
	}
	return names
}

// diff compares the database with the models and renders what differs.
func diff(t *testing.T, d database, models ...any) []string {
	t.Helper()
	var statements []string
	err := onConn(t, d.db, func(conn bun.Conn) error {
		changes, err := autogen.Diff(t.Context(), conn, models...)
		if err != nil || len(changes) == 0 {
			return err
		}
		planned, err := autogen.Plan(t.Context(), d.engine, changes)
		for _, change := range planned {
			statements = append(statements, change.Cmd)
		}
		if len(planned) == 0 {
			statements = append(statements, fmt.Sprintf("%#v", changes))
		}
		return err
	})
	if err != nil {
		t.Fatalf("Diff: %v", err)
	}
	return statements
}

func exec(t *testing.T, db bun.IDB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name   string
		models []any
		want   []string
	}{
		{"nothing", nil, nil},
		{"one", []any{(*tag)(nil)}, []string{"tags"}},
		{"the same model twice", []any{(*tag)(nil), &tag{}}, []string{"tags"}},
		{"parent after child", []any{(*stock)(nil), (*warehouse)(nil)}, []string{"warehouses", "stock"}},
		{"self-reference", []any{(*long)(nil)}, []string{"a_table_with_a_name_of_nearly_the_longest_that_there_is_62b"}},
		{"cycle of two", []any{(*hen)(nil), (*egg)(nil)}, []string{"eggs", "hens"}},
		{"cycle of three", []any{(*rock)(nil), (*scissors)(nil), (*paper)(nil)}, []string{"papers", "rocks", "scissors"}},
		{"join table", []any{(*book)(nil), (*tag)(nil), (*author)(nil), (*bookTag)(nil)}, []string{"authors", "books", "tags", "book_tags"}},
		{"names that need quotes", []any{(*line)(nil), (*order)(nil)}, []string{"order", "straße"}},
		{"every type", []any{(*values)(nil)}, []string{"values"}},
		{"everything", library(), []string{
			"a_table_with_a_name_of_nearly_the_longest_that_there_is_62b", "authors", "books", "tags", "book_tags", "eggs", "hens",
			"order", "papers", "rocks", "scissors", "warehouses", "stock", "straße",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			each(t, tt.models, func(t *testing.T, d database) {
				if got := missing(t, d.db, tt.models...); len(got) != len(tt.want) {
					t.Errorf("missing before = %q", got)
				}
				if got := create(t, d.db, tt.models...); !slices.Equal(got, tt.want) {
					t.Errorf("created %q, want %q", got, tt.want)
				}
				if got := missing(t, d.db, tt.models...); len(got) != 0 {
					t.Errorf("missing after = %q", got)
				}
				if got := diff(t, d, tt.models...); len(got) != 0 {
					t.Errorf("created tables differ from the models by\n%s", strings.Join(got, "\n"))
				}
				if got := create(t, d.db, tt.models...); len(got) != 0 {
					t.Errorf("created again: %q", got)
				}
				got, err := drop(t, d.db, tt.models...)
				if err != nil {
					t.Fatalf("Drop: %v", err)
				}
				if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(tt.want))) {
					t.Errorf("dropped %q, want %q", got, tt.want)
				}
				if got := missing(t, d.db, tt.models...); len(got) != len(tt.want) {
					t.Errorf("missing after the drop = %q", got)
				}
				if got, err := drop(t, d.db, tt.models...); err != nil || len(got) != 0 {
					t.Errorf("dropped again: %q, %v", got, err)
				}
			})
		})
	}
}

func TestCreateLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	models := []any{(*hen)(nil), (*egg)(nil), (*tag)(nil), (*warehouse)(nil), (*stock)(nil)}
	each(t, models, func(t *testing.T, d database) {
		// A table of the model's name that looks different, one that is a
		// view, one of a cycle, and one that is nobody's.
		exec(t, d.db,
			"CREATE TABLE hens (id BIGINT PRIMARY KEY, other INT)",
			"INSERT INTO hens (id, other) VALUES (1, 2)",
			"CREATE TABLE stranger (id INT PRIMARY KEY)",
			"CREATE VIEW tags AS SELECT 'x' AS slug",
		)
		if got, want := create(t, d.db, models...), []string{"eggs", "warehouses", "stock"}; !slices.Equal(got, want) {
			t.Errorf("created %q, want %q", got, want)
		}
		var other int
		if err := d.db.QueryRowContext(t.Context(), "SELECT other FROM hens").Scan(&other); err != nil || other != 2 {
			t.Errorf("hens.other = %d, %v", other, err)
		}
		got, err := drop(t, d.db, (*egg)(nil), (*hen)(nil), (*tag)(nil), (*stock)(nil))
		if want := []string{"eggs", "hens", "stock"}; err != nil || !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("dropped %q, %v, want %q", got, err, want)
		}
		exec(t, d.db, "SELECT * FROM stranger", "SELECT * FROM tags", "SELECT * FROM warehouses")
	})
}

func TestDropSparesStrangers(t *testing.T) {
	t.Parallel()
	models := []any{(*hen)(nil), (*egg)(nil), (*tag)(nil), (*author)(nil), (*warehouse)(nil), (*stock)(nil)}
	each(t, models, func(t *testing.T, d database) {
		create(t, d.db, models...)
		exec(t, d.db,
			"CREATE TABLE nest (id BIGINT PRIMARY KEY, hen BIGINT, CONSTRAINT nest_hen FOREIGN KEY (hen) REFERENCES hens (id) ON DELETE CASCADE)",
			"INSERT INTO hens (id) VALUES (1)",
			"INSERT INTO nest (id, hen) VALUES (1, 1)",
		)
		dropped, err := drop(t, d.db, models...)
		if err == nil || !strings.Contains(err.Error(), "nest") || !strings.Contains(err.Error(), "hens") {
			t.Errorf("error = %v, want one that names nest and hens", err)
		}
		if len(dropped) != 0 {
			t.Errorf("dropped %q", dropped)
		}
		if got := missing(t, d.db, models...); len(got) != 0 {
			t.Errorf("missing %q", got)
		}
		// Foreign keys are enforced again.
		if _, err := d.db.ExecContext(t.Context(), "INSERT INTO nest (id, hen) VALUES (2, 99)"); err == nil {
			t.Error("foreign keys are not enforced after a drop that was refused")
		}
		exec(t, d.db, "DROP TABLE nest")
		if _, err := drop(t, d.db, models...); err != nil {
			t.Errorf("Drop: %v", err)
		}
	})
}

func TestForeignKeysAreEnforced(t *testing.T) {
	t.Parallel()
	models := []any{(*hen)(nil), (*egg)(nil), (*warehouse)(nil), (*stock)(nil), (*author)(nil)}
	each(t, models, func(t *testing.T, d database) {
		create(t, d.db, models...)
		for _, s := range []string{
			"INSERT INTO hens (id, egg_id) VALUES (1, 2)",
			"INSERT INTO eggs (id, hen_id) VALUES (1, 2)",
			"INSERT INTO stock (id, warehouse_country, warehouse_number) VALUES (1, 'de', 1)",
			"INSERT INTO authors (name, email, mentor_id) VALUES ('a', 'b', 9)",
		} {
			if _, err := d.db.ExecContext(t.Context(), s); err == nil {
				t.Errorf("%s: no error", s)
			}
		}
		exec(t, d.db,
			"INSERT INTO hens (id) VALUES (1)",
			"INSERT INTO eggs (id, hen_id) VALUES (1, 1)",
			"UPDATE hens SET egg_id = 1",
		)
	})
}

func TestCreateInManyProcesses(t *testing.T) {
	t.Parallel()
	each(t, library(), func(t *testing.T, d database) {
		const processes = 8
		var (
			wg      sync.WaitGroup
			mu      sync.Mutex
			created []string
		)
		for range processes {
			db := d.again()
			wg.Go(func() {
				names := create(t, db, library()...)
				mu.Lock()
				defer mu.Unlock()
				created = append(created, names...)
			})
		}
		wg.Wait()
		if len(created) != len(library()) {
			t.Errorf("created %d tables together, want %d: %q", len(created), len(library()), created)
		}
		if got := diff(t, d, library()...); len(got) != 0 {
			t.Errorf("tables differ from the models by\n%s", strings.Join(got, "\n"))
		}
	})
}

type broken struct {
	bun.BaseModel `bun:"table:zz_broken"`

	ID int64 `bun:",pk"`
}

func (broken) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Expression: "no_such_column > 1"}}
}

func TestCreateIsAtomic(t *testing.T) {
	t.Parallel()
	models := []any{(*tag)(nil), (*hen)(nil), (*egg)(nil), (*broken)(nil)}
	each(t, models, func(t *testing.T, d database) {
		var created []string
		err := onConn(t, d.db, func(conn bun.Conn) (err error) {
			created, err = autogen.NewTables().Create(t.Context(), conn, models)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "zz_broken") {
			t.Fatalf("error = %v, want one that names the table", err)
		}
		want := 0
		if d.engine == dbmodule.MySQL {
			want = 3 // its DDL has no transactions
		}
		if len(created) != want || len(missing(t, d.db, models...)) != len(models)-want {
			t.Errorf("created %q, missing %q", created, missing(t, d.db, models...))
		}
		// The lock is free again, and foreign keys are enforced.
		create(t, d.db, (*hen)(nil), (*egg)(nil))
		if _, err := d.db.ExecContext(t.Context(), "INSERT INTO hens (id, egg_id) VALUES (1, 2)"); err == nil {
			t.Error("foreign keys are not enforced")
		}
	})
}

func TestWaitingForTheLockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	models := []any{(*hen)(nil), (*egg)(nil)}
	each(t, models, func(t *testing.T, d database) {
		holder, err := d.again().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch d.engine {
		case dbmodule.MySQL:
			exec(t, holder, "DO GET_LOCK(CONCAT('dbmodule.tables.', SHA1(DATABASE())), 0)")
		case dbmodule.PostgreSQL:
			exec(t, holder, "SELECT pg_advisory_lock(x'64627461626c6573'::bigint)")
		case dbmodule.SQLite:
			exec(t, holder, "BEGIN IMMEDIATE")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err = onConn(t, d.db, func(conn bun.Conn) error {
			_, err := autogen.NewTables().Create(ctx, conn, models)
			return err
		})
		if err == nil {
			t.Error("no error while another process has the lock")
		}
		if d.engine == dbmodule.SQLite {
			exec(t, holder, "ROLLBACK")
		}
		if err := holder.Raw(func(any) error { return driver.ErrBadConn }); !errors.Is(err, driver.ErrBadConn) {
			t.Error(err)
		}
		if got := create(t, d.db, models...); len(got) != len(models) {
			t.Errorf("created %q afterwards", got)
		}
	})
}

func TestCreateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	models := []any{(*hen)(nil), (*egg)(nil)}
	each(t, models, func(t *testing.T, d database) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := onConn(t, d.db, func(conn bun.Conn) error {
			_, err := autogen.NewTables().Create(ctx, conn, models)
			return err
		})
		if err == nil {
			t.Error("no error")
		}
		if got := create(t, d.db, models...); len(got) != 2 {
			t.Errorf("created %q afterwards", got)
		}
	})
}

type logEntry struct {
	bun.BaseModel `bun:"table:audit.logs"`

	ID     int64   `bun:",pk,autoincrement"`
	Author int64   `bun:",notnull"`
	By     *author `bun:"rel:belongs-to,join:author=id"`
	Kind   string  `bun:",unique:one"`
	Word   string  `bun:",unique:one"`
}

func (logEntry) TableComment() string { return "what happened" }

func TestSchemasOfPostgreSQL(t *testing.T) {
	t.Parallel()
	models := []any{(*logEntry)(nil), (*author)(nil)}
	each(t, nil, func(t *testing.T, d database) {
		if d.engine != dbmodule.PostgreSQL {
			return
		}
		for range 2 {
			if got, want := create(t, d.db, models...), []string{"authors", "audit.logs"}; !slices.Equal(got, want) {
				t.Errorf("created %q, want %q", got, want)
			}
			if got := diff(t, d, models...); len(got) != 0 {
				t.Errorf("tables differ from the models by\n%s", strings.Join(got, "\n"))
			}
			exec(t, d.db, "CREATE TABLE logs (id int)", "INSERT INTO authors (name, email) VALUES ('a', 'b')")
			if _, err := d.db.NewInsert().Model(&logEntry{Author: 1}).Exec(t.Context()); err != nil {
				t.Error(err)
			}
			if got, err := drop(t, d.db, models...); err != nil || !slices.Equal(got, []string{"audit.logs", "authors"}) {
				t.Errorf("dropped %q, %v", got, err)
			}
			if got := missing(t, d.db, models...); !slices.Equal(got, []string{"authors", "audit.logs"}) {
				t.Errorf("missing %q", got)
			}
			exec(t, d.db, "DROP TABLE logs")
		}
	})
}

func TestDiffFindsChanges(t *testing.T) {
	t.Parallel()
	models := []any{(*book)(nil), (*author)(nil), (*tag)(nil), (*bookTag)(nil)}
	tests := map[string]string{
		"a column":     "ALTER TABLE authors DROP COLUMN born",
		"a table":      "DROP TABLE book_tags",
		"more columns": "ALTER TABLE tags ADD COLUMN other INT",
	}
	for name, statement := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, models, func(t *testing.T, d database) {
				create(t, d.db, models...)
				exec(t, d.db, "CREATE TABLE stranger (id INT PRIMARY KEY)", statement)
				if got := diff(t, d, models...); len(got) == 0 {
					t.Error("no difference found")
				}
				err := onConn(t, d.db, func(conn bun.Conn) error {
					changes, err := autogen.Diff(t.Context(), conn, models...)
					for _, change := range changes {
						if dropped, ok := change.(*schema.DropTable); ok {
							t.Errorf("it wants to drop %s", dropped.T.Name)
						}
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		})
	}
}
