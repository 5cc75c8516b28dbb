package rebuild_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/internal/rebuild"
)

// drafted is how autogen makes a table t anew.
func drafted(body, columns, values string) []string {
	return []string{
		"CREATE TABLE `new_t` (" + body + ")",
		"INSERT INTO `new_t` (" + columns + ") SELECT " + values + " FROM `t`",
		"DROP TABLE `t`",
		"PRAGMA legacy_alter_table = on",
		"ALTER TABLE `new_t` RENAME TO `t`",
		"PRAGMA legacy_alter_table = off",
	}
}

const (
	was = "`id` integer NOT NULL, `a` varchar NULL, `b` varchar NULL, PRIMARY KEY (`id`)"
	is  = "`id` integer NOT NULL, `a` text NOT NULL DEFAULT 'x', `b` varchar NULL, PRIMARY KEY (`id`)"
)

// deferred is the table with a key as Django makes it.
const deferred = "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, a varchar, b varchar REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)"

// keyed is drafted with a key that ends so.
func keyed(body, end string) []string {
	value := "`a`"
	if body == is {
		value = "IFNULL(`a`, 'x')"
	}
	return drafted(body+", CONSTRAINT `fk` FOREIGN KEY (`b`) REFERENCES `p` (`id`)"+end, "`id`, `a`, `b`", "`id`, "+value+", `b`")
}

// remade makes a table t of the columns id and a anew.
func remade(body string) []string {
	return []string{"CREATE TABLE new_t " + body, "INSERT INTO new_t (id, a) SELECT id, a FROM t", "DROP TABLE t", "ALTER TABLE new_t RENAME TO t"}
}

// What a table has beyond what the revision knows is in the new table.
func TestOn(t *testing.T) {
	t.Parallel()
	up := drafted(is, "`id`, `a`, `b`", "`id`, IFNULL(`a`, 'x'), `b`")
	down := drafted(was, "`id`, `a`, `b`", "`id`, `a`, `b`")
	without := drafted("`id` integer NOT NULL, `a` varchar NOT NULL, PRIMARY KEY (`id`)", "`id`, `a`", "`id`, `a`")
	for name, test := range map[string]struct {
		up, down []string
		live     string
		create   string   // "" is that of the revision
		copied   string   // likewise
		lost     []string // their values would go
		err      string
	}{
		"as the revision knows it":     {up: up, down: down, live: "CREATE TABLE t (" + was + ")"},
		"written in another way":       {up: up, down: down, live: "create table \"T\" ([ID] INTEGER not null -- the key\n, 'a' VARCHAR, \"b\" varchar,primary key(id asc))"},
		"without a way down":           {up: up, live: "CREATE TABLE t (" + was + ")"},
		"a column, without a way down": {up: up, live: "CREATE TABLE t (" + was + ", c int)", lost: []string{"c"}},
		"a column": {
			up: up, down: down, live: "CREATE TABLE t (" + strings.Replace(was, ", PRIMARY", ", \"by hand\" decimal(10, 2) DEFAULT (1+2) COLLATE nocase CHECK (\"by hand\" > 0), PRIMARY", 1) + ")",
			create: "CREATE TABLE `new_t` (`id` integer NOT NULL, `a` text NOT NULL DEFAULT 'x', `b` varchar, \"by hand\" decimal(10, 2) DEFAULT (1+2) COLLATE nocase CHECK (\"by hand\" > 0), PRIMARY KEY (`id`))",
			copied: "INSERT INTO `new_t` (`id`, `a`, `b`, `by hand`) SELECT `id`, IFNULL(`a`, 'x'), `b`, `by hand` FROM `t`",
		},
		"a generated column": {
			up: up, down: down, live: "CREATE TABLE t (" + strings.Replace(was, ", PRIMARY", ", up text GENERATED ALWAYS AS (upper(a)) STORED, PRIMARY", 1) + ")",
			create: "CREATE TABLE `new_t` (`id` integer NOT NULL, `a` text NOT NULL DEFAULT 'x', `b` varchar, up text GENERATED ALWAYS AS (upper(a)) STORED, PRIMARY KEY (`id`))",
		},
		"more about columns and the table": {
			up: up, down: down,
			live: "CREATE TABLE t (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, a VARCHAR COLLATE NOCASE UNIQUE, b TEXT DEFAULT 'q' REFERENCES o (x) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, " +
				"CONSTRAINT odd CHECK (a <> b), FOREIGN KEY (a, b) REFERENCES p (a, b)) STRICT",
			create: "CREATE TABLE `new_t` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `a` text NOT NULL DEFAULT 'x' COLLATE NOCASE UNIQUE, `b` TEXT DEFAULT 'q' REFERENCES o (x) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, " +
				"CONSTRAINT odd CHECK (a <> b), FOREIGN KEY (a, b) REFERENCES p (a, b)) STRICT",
		},
		"a deferred key": {
			up: keyed(is, ""), down: keyed(was, ""), live: deferred,
			create: "CREATE TABLE `new_t` (`id` integer NOT NULL PRIMARY KEY, `a` text NOT NULL DEFAULT 'x', `b` varchar REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
		},
		"a deferred key that the revision drops": {
			up: up, down: keyed(was, ""), live: deferred,
		},
		"a key with MATCH that the revision drops": {
			up: up, down: keyed(was, ""), live: strings.Replace(deferred, " DEFERRABLE", " MATCH FULL DEFERRABLE", 1),
		},
		"a deferred key that gets an action": {
			up: keyed(is, " ON DELETE CASCADE"), down: keyed(was, ""), live: deferred,
			create: "CREATE TABLE `new_t` (`id` integer NOT NULL PRIMARY KEY, `a` text NOT NULL DEFAULT 'x', `b` varchar, " +
				"CONSTRAINT `fk` FOREIGN KEY (`b`) REFERENCES `p` (`id`) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)",
		},
		"a key that is deferred no longer": {
			up: keyed(is, ""), down: keyed(was, " DEFERRABLE INITIALLY DEFERRED"), live: deferred,
		},
		"a key that is deferred already": {
			up: keyed(is, " DEFERRABLE INITIALLY DEFERRED"), down: keyed(was, ""), live: "CREATE TABLE t (" + was + ", CONSTRAINT fk FOREIGN KEY (b) REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
		},
		"a column that the revision drops": {
			up: without, down: down, live: "CREATE TABLE t (" + was + ")",
		},
		"a column that the revision drops and one that it does not know": {
			up: without, down: down, live: "CREATE TABLE t (" + was + ", c)",
			create: "CREATE TABLE `new_t` (`id` integer NOT NULL, `a` varchar NOT NULL, c, PRIMARY KEY (`id`))",
			copied: "INSERT INTO `new_t` (`id`, `a`, `c`) SELECT `id`, `a`, `c` FROM `t`",
		},
		"a column that ADD COLUMN brings back": {
			up: without, down: []string{"ALTER TABLE `t` ADD COLUMN `b` varchar NULL"}, live: "CREATE TABLE t (" + was + ")",
		},
		"a way down that only knows of the columns": {
			up:     drafted(is+", `c` int DEFAULT (1)", "`id`, `a`, `b`", "`id`, `a`, `b`"),
			down:   []string{"ALTER TABLE `t` DROP COLUMN `c`"},
			live:   "CREATE TABLE t (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, a text COLLATE NOCASE CHECK (a <> ''), b varchar DEFAULT 'q')",
			create: "CREATE TABLE `new_t` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `a` text NOT NULL DEFAULT 'x' COLLATE NOCASE CHECK (a <> ''), `b` varchar DEFAULT 'q', `c` int DEFAULT (1))",
		},
		"a way down that says nothing of a type": {
			up:   drafted(is+", `c` int DEFAULT (1)", "`id`, `a`, `b`", "`id`, `a`, `b`"),
			down: []string{"ALTER TABLE `t` DROP COLUMN `c`"},
			live: "CREATE TABLE t (id integer PRIMARY KEY, a blob, b varchar)",
			err:  "the type of column a in the database differs from the revision",
		},
		"a way down that says nothing of a key": {
			up:   drafted(is+", `c` int DEFAULT (1)", "`id`, `a`, `b`", "`id`, `a`, `b`"),
			down: []string{"ALTER TABLE `t` DROP COLUMN `c`"},
			live: "CREATE TABLE t (id integer, a text PRIMARY KEY, b varchar)",
			err:  "the primary key in the database differs from the revision",
		},
		"rows that no column numbers": {
			up: up, down: down, live: "CREATE TABLE t (id bigint NOT NULL, a varchar, b varchar, rowid int, PRIMARY KEY (id))",
			create: "CREATE TABLE `new_t` (`id` bigint NOT NULL, `a` text NOT NULL DEFAULT 'x', `b` varchar, rowid int, PRIMARY KEY (id))",
			copied: "INSERT INTO `new_t` (`id`, `a`, `b`, `rowid`, _rowid_) SELECT `id`, IFNULL(`a`, 'x'), `b`, `rowid`, _rowid_ FROM `t`",
		},
		"a table without rowid": {
			up: up, down: down, live: "CREATE TABLE t (id bigint NOT NULL, a varchar, b varchar, PRIMARY KEY (id)) WITHOUT ROWID",
			create: "CREATE TABLE `new_t` (`id` bigint NOT NULL, `a` text NOT NULL DEFAULT 'x', `b` varchar, PRIMARY KEY (id)) WITHOUT ROWID",
		},
		"a column that the revision adds is there": {
			up:   drafted(was+", `c` int", "`id`, `a`, `b`", "`id`, `a`, `b`"),
			down: drafted(was, "`id`, `a`, `b`", "`id`, `a`, `b`"),
			live: "CREATE TABLE t (" + was + ", c text)",
			err:  "the revision adds column c, and table t has one already",
		},
		"values in another column": {
			up:   []string{"CREATE TABLE n (id integer primary key, name text)", "INSERT INTO n SELECT id, a || b FROM t", "DROP TABLE t", "ALTER TABLE n RENAME TO t"},
			live: "CREATE TABLE t (id integer primary key, a, b)",
		},
		"a revision that makes it strict": {
			up: remade("(id integer PRIMARY KEY, a text) STRICT"), down: remade("(id integer PRIMARY KEY, a text)"),
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text, c int)", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text, c int) STRICT",
			copied: "INSERT INTO new_t (id, a, `c`) SELECT id, a, `c` FROM t",
		},
		"a revision that takes its rowid": {
			up: remade("(id integer PRIMARY KEY, a text) WITHOUT ROWID"), down: remade("(id integer PRIMARY KEY, a text)"),
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text, c int)", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text, c int) WITHOUT ROWID",
			copied: "INSERT INTO new_t (id, a, `c`) SELECT id, a, `c` FROM t",
		},
		"a revision of an expression": {
			up: remade("(id integer PRIMARY KEY, a text, g text AS (upper(a)))"), down: remade("(id integer PRIMARY KEY, a text, g text AS (lower(a)))"),
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text, g text AS (lower(a)), c int)", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text, g text AS (upper(a)), c int)",
			copied: "INSERT INTO new_t (id, a, `c`) SELECT id, a, `c` FROM t",
		},
		"constraints that the revision repeats": {
			up: remade("(id integer PRIMARY KEY, a text NOT NULL UNIQUE, CONSTRAINT ck CHECK (a <> ''))"), down: remade("(id integer PRIMARY KEY, a text UNIQUE, CONSTRAINT ck CHECK (a <> ''))"),
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text UNIQUE, c int, CONSTRAINT ck CHECK (a <> ''))", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text NOT NULL UNIQUE, c int, CONSTRAINT ck CHECK (a <> ''))",
			copied: "INSERT INTO new_t (id, a, `c`) SELECT id, a, `c` FROM t",
		},
		"a constraint that the revision drops": {
			up: remade("(id integer PRIMARY KEY, a text)"), down: remade("(id integer PRIMARY KEY, a text, CONSTRAINT ck CHECK (a <> ''))"),
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text, c int, CONSTRAINT ck CHECK (a <> ''))", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text, c int)",
			copied: "INSERT INTO new_t (id, a, `c`) SELECT id, a, `c` FROM t",
		},
		"a constraint to add that is there": {
			up: remade("(id integer PRIMARY KEY, a text, CHECK (a <> ''))"), down: remade("(id integer PRIMARY KEY, a text)"),
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text, c int, CHECK (a <> ''))", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text, c int, CHECK (a <> ''))",
			copied: "INSERT INTO new_t (id, a, `c`) SELECT id, a, `c` FROM t",
		},
		"a new column with a constraint that is there": {
			up: remade("(id integer PRIMARY KEY, a text, d int CHECK (a <> ''))"), down: remade("(id integer PRIMARY KEY, a text)"),
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text, c int, CHECK (a <> ''))", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text, d int, c int, CHECK (a <> ''))",
			copied: "INSERT INTO new_t (id, a, `c`) SELECT id, a, `c` FROM t",
		},
		"a constraint to drop that stands at another column": {
			up: remade("(id integer PRIMARY KEY, a text)"), down: remade("(id integer PRIMARY KEY, a text, CHECK (a <> ''))"),
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text, c int CHECK (a <> ''))", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text, c int)",
			copied: "INSERT INTO new_t (id, a, `c`) SELECT id, a, `c` FROM t",
		},
		"a way down that says nothing of a constraint": {
			up: remade("(id integer PRIMARY KEY, a text, c int, CONSTRAINT ck CHECK (a <> 'x'))"), down: []string{"ALTER TABLE t DROP COLUMN c"},
			live: "CREATE TABLE t (id integer PRIMARY KEY, a text, CONSTRAINT mine CHECK (a <> 'x'))", create: "CREATE TABLE new_t (id integer PRIMARY KEY, a text, c int, CONSTRAINT mine CHECK (a <> 'x'))",
		},
		"a column that is not copied": {
			up:   []string{"CREATE TABLE n (id integer primary key, a text, b text)", "INSERT INTO n (id, a) SELECT id, a FROM t", "DROP TABLE t", "ALTER TABLE n RENAME TO t"},
			live: "CREATE TABLE t (id integer primary key, a, b)",
			lost: []string{"b"},
		},
		"the old one renamed first": {
			up: []string{"ALTER TABLE t RENAME TO old", "CREATE TABLE t (id integer primary key, a text)", "INSERT INTO t (id, a) SELECT id, a FROM old", "DROP TABLE old"},
			down: []string{
				"ALTER TABLE t RENAME TO old", "CREATE TABLE t (id integer primary key, a int)", "INSERT INTO t (id, a) SELECT id, a FROM old", "DROP TABLE old",
			},
			live:   "CREATE TABLE old (id integer primary key, a int, b int)",
			create: "CREATE TABLE t (id integer primary key, a text, b int)",
			copied: "INSERT INTO t (id, a, `b`) SELECT id, a, `b` FROM old",
		},
		"a table of a query": {
			up:   []string{"CREATE TABLE n AS SELECT id, a FROM t", "DROP TABLE t", "ALTER TABLE n RENAME TO t"},
			live: "CREATE TABLE t (id integer primary key, a, b)",
			lost: []string{"b"},
		},
		"no way to copy it": {
			up:     []string{up[0], "INSERT INTO new_t (id, a, b) SELECT id, max(a), max(b) FROM t GROUP BY id", up[2], up[4]},
			down:   down,
			live:   "CREATE TABLE t (" + was + ", c)",
			create: "CREATE TABLE `new_t` (`id` integer NOT NULL, `a` text NOT NULL DEFAULT 'x', `b` varchar NULL, c, PRIMARY KEY (`id`))",
			lost:   []string{"c"},
		},
		"added before, in the same revision": {
			up:   slices.Concat([]string{"ALTER TABLE t ADD c int"}, drafted(is+", c int", "`id`, `a`, `b`, c", "`id`, `a`, `b`, c")),
			down: down,
			live: "CREATE TABLE t (" + was + ", c int)",
		},
		"unreadable": {up: up, down: down, live: "CREATE TABLE t (id integer ODD ( PRIMARY KEY)", err: "read \"CREATE TABLE t"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := rebuild.Find(test.up, test.down)
			if len(found) != 1 {
				t.Fatalf("%d rebuilds", len(found))
			}
			r := found[0]
			plan, err := r.On(test.live)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("%v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := test.create
			if want == "" {
				want = test.up[r.Create]
			}
			if got := normalized(plan.Create); got != normalized(want) {
				t.Errorf("created by\n%s, want\n%s", plan.Create, want)
			}
			if len(r.Copies) > 0 {
				want = test.copied
				if want == "" {
					want = test.up[r.Copies[0]]
				}
				if plan.Copies[0] != want {
					t.Errorf("copied by\n%s, want\n%s", plan.Copies[0], want)
				}
			}
			if !slices.Equal(plan.Lost, test.lost) {
				t.Errorf("%q would be lost, want %q", plan.Lost, test.lost)
			}
		})
	}
}

// normalized leaves out that a column may be NULL: it means nothing.
func normalized(sql string) string {
	return strings.NewReplacer("NOT NULL", "NOT NULL", " NULL", "").Replace(sql)
}

// A build that has the way down only knows by its comments what a revision
// takes a table for.
func TestRemember(t *testing.T) {
	t.Parallel()
	up := drafted(is+", `c` int", "`id`, `a`, `b`", "`id`, `a`, `b`")
	down := drafted(was, "`id`, `a`, `b`", "`id`, `a`, `b`")
	live := "CREATE TABLE t (" + is + ", `c` int, by_hand int)"
	alone := rebuild.Find(down, nil)[0]
	if plan, err := alone.On(live); err != nil || !slices.Equal(plan.Lost, []string{"c", "by_hand"}) {
		t.Errorf("without a memory: %+v, %v", plan, err)
	}
	kept := rebuild.Remember(down, up)
	if !slices.Equal(kept[1:], down[1:]) {
		t.Errorf("kept are %q", kept)
	}
	r := rebuild.Find(kept, nil)[0]
	plan, err := r.On(live)
	if err != nil || len(plan.Lost) != 0 || !slices.Equal(plan.Carried, []string{"by_hand"}) {
		t.Errorf("%+v, %v", plan, err)
	}
	if again := rebuild.Remember(kept, up); !slices.Equal(again, kept) {
		t.Errorf("again it is %q", again)
	}
}

func TestTriggerColumns(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]string{
		"CREATE TRIGGER x AFTER UPDATE OF a, \"b c\" ON t BEGIN SELECT 1; END":    {"a", "b c"},
		"CREATE TRIGGER x AFTER UPDATE ON t BEGIN SELECT 1; END":                  nil,
		"CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 'update of a'; END":      nil,
		"CREATE TRIGGER [update] BEFORE DELETE ON t BEGIN UPDATE of SET a=1; END": nil,
	} {
		if got := rebuild.TriggerColumns(sql); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

// FuzzParseTable: nothing that is said of a table ends in a panic.
func FuzzParseTable(f *testing.F) {
	for _, sql := range []string{
		"CREATE TABLE t (" + was + ")", "CREATE TABLE IF NOT EXISTS main.\"a\"\"b\" (x, y DEFAULT -1 UNIQUE ON CONFLICT IGNORE) STRICT, WITHOUT ROWID",
		"CREATE TABLE t (a DEFAULT x'00' NOT NULL CONSTRAINT c CHECK((a)), CHECK (a) UNIQUE (a))", "CREATE TABLE t ('", "CREATE TABLE t (a /*", "[",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		statements := []string{sql, "INSERT INTO n SELECT * FROM t", "DROP TABLE t", "ALTER TABLE n RENAME TO t", sql}
		for _, r := range rebuild.Find(statements, []string{sql}) {
			if plan, err := r.On(sql); err == nil && plan.Create == "" {
				t.Error("nothing is created")
			}
		}
		if _, err := rebuild.ParseTable(sql); err == nil && len(rebuild.Remember(statements, nil)) != len(statements) {
			t.Error("a statement went")
		}
	})
}
