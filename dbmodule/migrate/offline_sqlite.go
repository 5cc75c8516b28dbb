package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/internal/rebuild"
)

// sqliteNote is the comment above the SQL for SQLite.
const sqliteNote = `-- Run this with sqlite3 -bail: without -bail the client goes on after an error.
-- "db upgrade" keeps what a table has beyond its revisions when it rebuilds the table.
-- SQL alone can't do that. So this stops where it would lose a column, a clause of a
-- column, an index or a trigger, or would break a foreign key. The check that fails
-- names it. Run "db upgrade" on the database itself then.
`

// checkThat returns statements that fail with the message if the query problems returns a
// row. They insert its rows into a table with a constraint that has the message as its name,
// and SQLite's error names the constraint.
func checkThat(message, problems string) []string {
	return []string{
		"CREATE TEMP TABLE migrate_check (problem CONSTRAINT " + rebuild.Quote(message) + " CHECK (problem IS NULL))",
		"INSERT INTO temp.migrate_check " + problems,
		"DROP TABLE temp.migrate_check",
	}
}

// brokenKeys selects the violations of foreign keys. Those that exist before a transaction are
// saved, because only new ones are a reason to stop.
const brokenKeys = `SELECT "table", rowid, parent, fkid FROM pragma_foreign_key_check`

var (
	keysBefore = []string{"CREATE TEMP TABLE migrate_broken AS " + brokenKeys}
	keysAfter  = append(checkThat("foreign keys would be broken: correct the rows, or delete them in the revision",
		`SELECT "table" FROM (`+brokenKeys+` EXCEPT SELECT * FROM temp.migrate_broken)`), "DROP TABLE temp.migrate_broken")
)

// withChecks returns the statements of the work, with checks before each rebuild of a table. Without
// them SQLite would rebuild the table without an error, and lose what the revision does not know.
func (o *offline) withChecks(w work) []Statement {
	out := slices.Clone(w.statements)
	plans := make([]*rebuild.Plan, len(w.rebuilds))
	for i := range w.rebuilds {
		r := &w.rebuilds[i]
		plans[i] = r.AsKnown()
		for n, at := range r.Copies {
			out[at].Text = plans[i].Copies[n]
		}
		out[r.Create].Text = plans[i].Create
	}
	for i := len(w.rebuilds) - 1; i >= 0; i-- {
		r := &w.rebuilds[i]
		first := min(r.Create, r.Drop) // the checks must come before this statement
		var checks []Statement
		for _, text := range append(lossChecks(w, r), asideChecks(r, plans[i])...) {
			checks = append(checks, Statement{Text: text, NoTransaction: out[first].NoTransaction})
		}
		out = slices.Insert(out, first, checks...)
	}
	return out
}

// asideChecks returns checks for a table that is dropped before it is created again. They fail if
// its rows would get other rowids, or if its AUTOINCREMENT counter would be lost.
func asideChecks(r *rebuild.Rebuild, plan *rebuild.Plan) []string {
	var out []string
	table := rebuild.Quote(r.Source)
	if r.Aside && plan.Rowid != "" {
		out = append(out, checkThat(fmt.Sprintf("the rows of table %s would get other rowids: run db upgrade on the database itself", r.Final),
			"SELECT 1 FROM "+table+" HAVING count(*) > 0 AND max("+plan.Rowid+") <> count(*)")...)
	}
	if r.Aside && plan.Numbered {
		out = append(out, checkThat(fmt.Sprintf("the last number of table %s would be lost: run db upgrade on the database itself", r.Final),
			"SELECT 1 FROM main.sqlite_sequence WHERE lower(name) = "+quoted(r.Source)+" AND seq > (SELECT coalesce(max(rowid), 0) FROM "+table+")")...)
	}
	return out
}

// quoted returns s as a string of SQL.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// lossChecks returns checks that fail if a table has indexes, triggers, columns or clauses that the
// revision which rebuilds it does not know.
func lossChecks(w work, r *rebuild.Rebuild) []string {
	table := quoted(r.Source)
	var known []string
	for _, statement := range texts(w.statements) {
		if name := rebuild.NamesIndexOrTrigger(statement); name != "" {
			known = append(known, quoted(name))
		}
	}
	out := checkThat(fmt.Sprintf("an index or a trigger of table %s would be lost: run db upgrade on the database itself", r.Final),
		fmt.Sprintf("SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL AND lower(tbl_name) = %s AND lower(name) NOT IN (%s)", table, strings.Join(known, ", ")))
	expected := r.Expected("migrate_expected")
	if expected == "" {
		return out
	}
	// SQL can't compare the definitions of two tables. So compare their columns as PRAGMAs
	// describe them, and count the keywords of other clauses in the definitions.
	describe := func(table, schema string) string {
		return fmt.Sprintf(`SELECT lower(name), lower(type), "notnull", replace(replace(dflt_value, '(', ''), ')', ''), pk, hidden FROM pragma_table_xinfo(%s, '%s')`, table, schema)
	}
	rules := func(table, schema string) string {
		const words = "'collate', 'check', 'generated', 'autoincrement', 'unique', 'references', 'strict', 'without rowid'"
		return fmt.Sprintf("SELECT w.value, (length(s.body) - length(replace(s.body, w.value, ''))) / length(w.value) "+
			"FROM (SELECT lower(substr(sql, instr(sql, '('))) AS body FROM %s.sqlite_schema WHERE type = 'table' AND lower(name) = %s) AS s, (SELECT column1 AS value FROM (VALUES (%s))) AS w",
			schema, table, strings.ReplaceAll(words, ", ", "), ("))
	}
	const name = "'migrate_expected'"
	out = append(out, strings.Replace(expected, "CREATE TABLE", "CREATE TEMP TABLE", 1))
	out = append(out, checkThat(fmt.Sprintf("table %s is not as the revision expects it, and a column or its clauses would be lost: run db upgrade on the database itself", r.Final),
		"SELECT 1 FROM ("+describe(table, "main")+" EXCEPT "+describe(name, "temp")+") UNION ALL SELECT 1 FROM ("+rules(table, "main")+" EXCEPT "+rules(name, "temp")+")")...)
	return append(out, "DROP TABLE temp.migrate_expected")
}
