package dependents_test

import (
	"slices"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/internal/dependents"
)

func TestRemoved(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sql  []string
		want []string
	}{
		"columns":             {[]string{"ALTER TABLE `t` DROP COLUMN `a`, DROP IF EXISTS b, ADD COLUMN c int DEFAULT (1 + 2), CHANGE `d` `e` int, RENAME COLUMN f TO g"}, []string{"a", "b", "d", "f"}},
		"what is no column":   {[]string{"ALTER TABLE t DROP INDEX a, DROP KEY b, DROP PRIMARY KEY, DROP FOREIGN KEY c, DROP CONSTRAINT d, DROP CHECK e, RENAME INDEX f TO g, MODIFY h int"}, nil},
		"a column restated":   {[]string{"ALTER TABLE t CHANGE COLUMN a A bigint"}, nil},
		"swapped":             {[]string{"ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a"}, nil},
		"added at once":       {[]string{"ALTER TABLE t DROP a, DROP b, DROP c, ADD (`a` decimal(1, 2), b int), ADD c int"}, nil},
		"added later":         {[]string{"ALTER TABLE t DROP a", "UPDATE t SET b = 1", "alter table T add column A int"}, nil},
		"to another table":    {[]string{"ALTER TABLE t DROP a", "ALTER TABLE u ADD a int"}, []string{"a"}},
		"a table":             {[]string{"DROP TABLE IF EXISTS `t`, s.u CASCADE"}, []string{"t", "u"}},
		"a table made again":  {[]string{"DROP TABLE t", "CREATE OR REPLACE TABLE IF NOT EXISTS t (a int)"}, nil},
		"tables changed over": {[]string{"RENAME TABLE t TO old_t, new_t TO t"}, []string{"new_t"}},
		"a table renamed":     {[]string{"ALTER ONLINE TABLE IF EXISTS t WAIT 5 RENAME TO u"}, []string{"t"}},
		"a temporary one":     {[]string{"DROP TEMPORARY TABLE t"}, nil},
		"something else":      {[]string{"DROP VIEW t"}, nil},
		"it breaks off":       {[]string{"ALTER TABLE"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, r := range dependents.Removed(tt.sql, 0) {
				if got = append(got, r.Column); r.Column == "" {
					got[len(got)-1] = r.Table
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if len(got) > 0 && !dependents.Removes(tt.sql[0]) {
				t.Error("Removes is false")
			}
		})
	}
	if dependents.Removes("ALTER TABLE t ADD a int") || dependents.Removes("INSERT INTO t VALUES ('DROP TABLE t')") {
		t.Error("these remove nothing")
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	column, table := dependents.Removal{Table: "t", Column: "v"}, dependents.Removal{Table: "t"}
	view := func(text string) dependents.Object {
		return dependents.Object{Name: "x", Schema: "db", Definition: text}
	}
	trigger := func(table, text string) dependents.Object {
		return dependents.Object{Name: "x", Table: table, Schema: "db", Definition: text}
	}
	tests := map[string]struct {
		object        dependents.Object
		column, table bool
	}{
		"view of the column":           {view("select `db`.`t`.`v` AS `n` from `db`.`t`"), true, true},
		"view of another column":       {view("select `db`.`t`.`w` AS `v` from `db`.`t` where `db`.`t`.`w` = 'v'"), false, true},
		"view with an alias":           {view("select `a`.`v` AS `n` from (`db`.`u` join `db`.`t` `a` on(`a`.`v` = `db`.`u`.`w`))"), true, true},
		"view of another's column":     {view("select `b`.`v` AS `n`,`a`.`w` AS `w` from (`db`.`u` `b` join `db`.`t` `a`)"), false, true},
		"view of another schema":       {view("select `other`.`t`.`v` AS `v` from `other`.`t`"), false, false},
		"view of another table":        {view("select `db`.`u`.`v` AS `v` from `db`.`u`"), false, false},
		"view that is not shown":       {view(""), false, false},
		"trigger with NEW":             {trigger("t", "INSERT INTO l VALUES (NEW.`v`)"), true, false},
		"trigger of another column":    {trigger("t", "INSERT INTO l (v) VALUES (NEW.w)"), false, false},
		"trigger of another table":     {trigger("u", "INSERT INTO l VALUES (NEW.v)"), false, false},
		"trigger that writes to it":    {trigger("u", "BEGIN UPDATE t SET v = NEW.v + 1; END"), true, true},
		"trigger that reads it":        {trigger("u", "SET NEW.w = (SELECT max(v) FROM db.t)"), true, true},
		"trigger that reads the other": {trigger("u", "SET NEW.w = (SELECT max(w) FROM t WHERE w = NEW.v AND w <> 'v' AND w <> @v)"), false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.object.Uses(column); got != tt.column {
				t.Errorf("the column: %t", got)
			}
			if got := tt.object.Uses(table); got != tt.table {
				t.Errorf("the table: %t", got)
			}
		})
	}
}

func TestRemade(t *testing.T) {
	t.Parallel()
	view, trigger := dependents.Object{Name: "x"}, dependents.Object{Name: "x", Table: "t"}
	tests := map[string]struct{ view, trigger bool }{
		"CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `a`@`b` SQL SECURITY INVOKER VIEW `x` AS SELECT 1": {true, false},
		"DROP VIEW IF EXISTS w, x":                           {true, false},
		"ALTER VIEW db.x AS SELECT 1":                        {true, false},
		"CREATE VIEW w AS SELECT x FROM t":                   {false, false},
		"DROP TRIGGER x":                                     {false, true},
		"CREATE TRIGGER w BEFORE INSERT ON x FOR EACH ROW x": {false, false},
		"DROP TABLE x":                                       {false, false},
	}
	for sql, want := range tests {
		if got := view.Remade([]string{sql}); got != want.view {
			t.Errorf("view, %s: %t", sql, got)
		}
		if got := trigger.Remade([]string{sql}); got != want.trigger {
			t.Errorf("trigger, %s: %t", sql, got)
		}
	}
}
