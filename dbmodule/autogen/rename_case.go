package autogen

import (
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// sameButCase reports whether two names differ, but only in case. SQLite ignores only
// the case of ASCII letters.
func sameButCase(e engine, a, b string) bool {
	if e.name() == dbmodule.SQLite {
		return a != b && foldASCII(a) == foldASCII(b)
	}
	return a != b && strings.EqualFold(a, b)
}

// caseRenames finds tables (SQLite) and columns (SQLite and MySQL) whose names changed
// only in case. The engine treats the names as equal, so a drop and an add would lose
// the rows for no reason. It leaves out what a hint names.
func caseRenames(e engine, from, to *schema.Realm) []renaming {
	var done []renaming
	if e.name() == dbmodule.PostgreSQL {
		return nil
	}
	for _, table := range tablesOf(from) {
		if e.name() == dbmodule.SQLite {
			if now, ok := respelled(e, nameOfTable(table), from, to); ok {
				done = append(done, renaming{schema: now.schema, table: table.Name, to: now.name})
				table.Name = now.name
			}
		}
		want, ok := tableAt(to, nameOfTable(table))
		if !ok {
			continue
		}
		for _, column := range table.Columns {
			name, ok := respelledColumn(e, column.Name, table, want)
			if !ok {
				continue
			}
			r := renaming{schema: nameOfTable(table).schema, table: table.Name, column: column.Name, to: name}
			column.Name = name
			r.before, r.after = renameInTexts(e.name(), table, r.column, name)
			done = append(done, r)
		}
	}
	return done
}

// respelled returns the models' spelling of a table's name, if it differs in case.
func respelled(e engine, old tableName, from, to *schema.Realm) (tableName, bool) {
	if _, kept := tableAt(to, old); kept {
		return tableName{}, false
	}
	for _, now := range namesOf(tablesOf(to)) {
		if _, taken := tableAt(from, now); !taken && now.schema == old.schema && sameButCase(e, now.name, old.name) {
			return now, true
		}
	}
	return tableName{}, false
}

func respelledColumn(e engine, old string, table, want *schema.Table) (string, bool) {
	if _, kept := want.Column(old); kept {
		return "", false
	}
	i := slices.IndexFunc(want.Columns, func(c *schema.Column) bool {
		_, taken := table.Column(c.Name)
		return !taken && sameButCase(e, c.Name, old)
	})
	if i < 0 {
		return "", false
	}
	return want.Columns[i].Name, true
}

// renameTableSQL renames a table. If the two names differ only in case, it renames by
// way of a third name, because the engine would report that the new name exists.
func renameTableSQL(e engine, r renaming) []string {
	if !sameButCase(e, r.table, r.to) || e.name() == dbmodule.PostgreSQL {
		return []string{renameSQL(e, r)}
	}
	away, back := r, r
	away.to = "renamed_" + shortHash(r.table+"\x00"+r.to)
	back.table = away.to
	return []string{renameSQL(e, away), renameSQL(e, back)}
}
