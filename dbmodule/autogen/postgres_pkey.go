package autogen

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"ariga.io/atlas/sql/schema"
)

// longestPostgres is the greatest length in bytes of a name in PostgreSQL.
const longestPostgres = 63

// primaryKeyName returns the name that PostgreSQL gives a table's primary key.
func primaryKeyName(table string) string {
	const suffix = "_pkey"
	for len(table)+len(suffix) > longestPostgres {
		_, size := utf8.DecodeLastRuneInString(table)
		table = table[:len(table)-size]
	}
	return table + suffix
}

// isCut reports whether PostgreSQL shortens the name of the table's primary key. Two
// tables could then have the same name, so PostgreSQL appends a number to one of them.
// Only the catalog knows to which.
func isCut(table string) bool { return len(table)+len("_pkey") > longestPostgres }

// mayBeNumbered reports whether the key's name in the database may end with a number that key.Name
// does not have, because PostgreSQL made and shortened the name.
func mayBeNumbered(table string, key *schema.Index) bool {
	return isCut(table) && key.Name == primaryKeyName(table)
}

var reCutName = regexp.MustCompile(`^(.*)_pkey\d*$`)

// forgetCutName removes the name of an inspected primary key if PostgreSQL made and
// shortened it: a snapshot has no such name.
func forgetCutName(table *schema.Table) {
	if table.PrimaryKey == nil || !isCut(table.Name) {
		return
	}
	if m := reCutName.FindStringSubmatch(table.PrimaryKey.Name); m != nil && strings.HasPrefix(table.Name, m[1]) {
		table.PrimaryKey.Name = ""
	}
}

// dropPrimaryKey drops the primary key. It looks the name up in the catalog if that may
// differ from the known name.
func (a *postgresAlter) dropPrimaryKey(key *schema.Index) {
	if !mayBeNumbered(a.table.Name, key) {
		a.first = append(a.first, &schema.DropPrimaryKey{P: key})
		return
	}
	a.before = append(a.before, onPrimaryKey(a.engine, nameOfTable(a.table), "DROP CONSTRAINT %I", ""))
}

// renamePrimaryKey renames the primary key of a renamed table to PostgreSQL's own name
// for the new table name.
func (e postgresEngine) renamePrimaryKey(table tableName, old string) []string {
	to := primaryKeyName(table.name)
	if isCut(table.name) {
		// Another table's primary key may have that name, so this one is looked up in the
		// catalog.
		to = hashed(to, table.String())
	}
	if isCut(old) {
		return []string{onPrimaryKey(e, table, "RENAME CONSTRAINT %I TO %I", to)}
	}
	return []string{renameConstraintSQL(e, table, renameConstraint{from: primaryKeyName(old), to: to})}
}

// onPrimaryKey returns a statement that alters the primary key of a table, whose name it looks up
// in the catalog. In action, the first %I is the key's name, and a second one is to.
func onPrimaryKey(e engine, table tableName, action, to string) string {
	at := quotedName(e, table)
	body := fmt.Sprintf("BEGIN EXECUTE (SELECT format(%s, conrelid::regclass, conname, %s) FROM pg_constraint WHERE contype = 'p' AND conrelid = %s::regclass); END",
		quote("ALTER TABLE %s "+action), quote(to), quote(at))
	return "DO " + quote(body)
}
