package autogen

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"ariga.io/atlas/sql/schema"
)

// longestPostgres is the length in bytes of PostgreSQL's longest name.
const longestPostgres = 63

// primaryKeyName is the name that PostgreSQL gives a table's primary key.
func primaryKeyName(table string) string {
	const suffix = "_pkey"
	for len(table)+len(suffix) > longestPostgres {
		_, size := utf8.DecodeLastRuneInString(table)
		table = table[:len(table)-size]
	}
	return table + suffix
}

// isCut says that PostgreSQL shortens the name that it gives the table's
// primary key. Then another table's may be the same, and this one's have a
// number at its end: which of the two has it, only the catalog knows.
func isCut(table string) bool { return len(table)+len("_pkey") > longestPostgres }

// keepsName says that the primary key can have the name that PostgreSQL would
// give it, but for the number.
func keepsName(table string, key *schema.Index) bool {
	return isCut(table) && key.Name == primaryKeyName(table)
}

var reCutName = regexp.MustCompile(`^(.*)_pkey\d*$`)

// forgetCutName takes from an inspected primary key a name that PostgreSQL
// made and shortened, as a snapshot has none.
func forgetCutName(table *schema.Table) {
	if table.PrimaryKey == nil || !isCut(table.Name) {
		return
	}
	if m := reCutName.FindStringSubmatch(table.PrimaryKey.Name); m != nil && strings.HasPrefix(table.Name, m[1]) {
		table.PrimaryKey.Name = ""
	}
}

// dropPrimaryKey drops by the name in the catalog what may have another name
// than the one that is known.
func (a *postgresAlter) dropPrimaryKey(key *schema.Index) {
	if !keepsName(a.table.Name, key) {
		a.first = append(a.first, &schema.DropPrimaryKey{P: key})
		return
	}
	a.before = append(a.before, onPrimaryKey(a.engine, nameOfTable(a.table), "DROP CONSTRAINT %I", ""))
}

// renamePrimaryKey gives the primary key of a table that had another name the
// one that goes with its own.
func (e postgresEngine) renamePrimaryKey(table tableName, old string) []string {
	to := primaryKeyName(table.name)
	if isCut(table.name) {
		// Another table's may have that name; this one is looked for in the
		// catalog, whatever its name is.
		to = hashed(to, table.String())
	}
	if isCut(old) {
		return []string{onPrimaryKey(e, table, "RENAME CONSTRAINT %I TO %I", to)}
	}
	return []string{renameConstraintSQL(e, table, renameConstraint{from: primaryKeyName(old), to: to})}
}

// onPrimaryKey alters the primary key of a table under the name that it has.
// In action each %I is a name: the first that of the key, the next to.
func onPrimaryKey(e engine, table tableName, action, to string) string {
	at := quotedName(e, table)
	body := fmt.Sprintf("BEGIN EXECUTE (SELECT format(%s, conrelid::regclass, conname, %s) FROM pg_constraint WHERE contype = 'p' AND conrelid = %s::regclass); END",
		quote("ALTER TABLE %s "+action), quote(to), quote(at))
	return "DO " + quote(body)
}
