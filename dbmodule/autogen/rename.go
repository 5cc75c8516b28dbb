package autogen

import (
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// Rename says that a table or column has a new name in the models and its old name
// in the snapshot or the database. Without it a comparison finds a drop and an add.
type Rename struct {
	// From and To are names of tables ("books"; "audit.logs" with a schema)
	// or of columns with their tables ("books.title"). For a column, To may be the
	// column's name alone.
	From, To string
}

// ParseRename parses a hint: old=new for a table, table.old=table.new or
// table.old=new for a column. It does not check whether the tables and columns
// exist; a comparison does.
func ParseRename(hint string) (Rename, error) {
	from, to, ok := strings.Cut(hint, "=")
	r := Rename{From: strings.TrimSpace(from), To: strings.TrimSpace(to)}
	if !ok || strings.Contains(r.To, "=") || !isPath(r.From) || !isPath(r.To) {
		return Rename{}, fmt.Errorf("autogen: rename hint %q: write old=new for a table, or table.old=table.new for a column", hint)
	}
	return r, nil
}

// String returns the hint that [ParseRename] parses.
func (r Rename) String() string { return r.From + "=" + r.To }

func isPath(name string) bool {
	parts := strings.Split(name, ".")
	return len(parts) <= 3 && !slices.Contains(parts, "")
}

// renaming is a valid rename.
type renaming struct {
	schema, table string
	// column is empty if the table itself is renamed.
	column string
	to     string
	// before and after are the checks that use the column, before and after the rename.
	before, after []*schema.Check
	// keyed is true if the table's primary key has PostgreSQL's own name.
	keyed bool
}

func (r renaming) reversed() renaming {
	reversed := r
	reversed.before, reversed.after = r.after, r.before
	if r.column == "" {
		reversed.table, reversed.to = r.to, r.table
	} else {
		reversed.column, reversed.to = r.to, r.column
	}
	return reversed
}

// apply renames the table or column in a realm, if the realm has it.
func (r renaming) apply(e dbmodule.Engine, realm *schema.Realm) {
	table, ok := tableAt(realm, r.at())
	if !ok {
		return
	}
	if r.column == "" {
		table.Name = r.to
	} else if column, ok := table.Column(r.column); ok {
		column.Name = r.to
		renameInTexts(e, table, r.column, r.to)
	}
}

func (r renaming) at() tableName { return tableName{schema: r.schema, name: r.table} }

// renamer applies hints to the old schema, so that a comparison with the new one finds
// only the other changes.
type renamer struct {
	engine   dbmodule.Engine
	from, to *schema.Realm
	// tables has the new names of tables that were renamed.
	tables map[tableName]tableName
}

// rename changes from, and returns the renames in the order in which it did them:
// tables first, so that a hint for a column may use the old or the new table name.
func rename(e dbmodule.Engine, from, to *schema.Realm, hints []Rename) ([]renaming, error) {
	r := renamer{engine: e, from: from, to: to, tables: map[tableName]tableName{}}
	var done []renaming
	var columns []Rename
	for _, hint := range hints {
		if !r.isTable(hint) {
			columns = append(columns, hint)
			continue
		}
		renamed, err := r.table(hint)
		if err != nil {
			return nil, fmt.Errorf("autogen: rename hint %q: %w", hint, err)
		}
		done = append(done, renamed)
	}
	for _, hint := range columns {
		renamed, err := r.column(hint)
		if err != nil {
			return nil, fmt.Errorf("autogen: rename hint %q: %w", hint, err)
		}
		done = append(done, renamed)
	}
	return done, nil
}

// isTable reports whether a hint is for a table. "a.b" can be a table or a column.
func (r renamer) isTable(hint Rename) bool {
	_, exists := tableAt(r.from, pathOf(hint.From))
	return exists || !strings.Contains(hint.From, ".")
}

func (r renamer) table(hint Rename) (renaming, error) {
	old, name := pathOf(hint.From), pathOf(hint.To)
	if !strings.Contains(hint.To, ".") {
		name.schema = old.schema
	}
	table, exists := tableAt(r.from, old)
	_, wanted := tableAt(r.to, name)
	_, kept := tableAt(r.to, old)
	_, taken := tableAt(r.from, name)
	switch {
	case !exists:
		return renaming{}, fmt.Errorf("there is no table %s: write the table's present name before the =%s", old, listed(tablesOf(r.from), nameText))
	case old.schema != name.schema:
		return renaming{}, fmt.Errorf("a rename can't move table %s to another schema: write %s", old, Rename{hint.From, tableName{old.schema, name.name}.String()})
	case !wanted:
		return renaming{}, fmt.Errorf("no model has the table %s: write the table's name in the models after the =%s", name, listed(tablesOf(r.to), nameText))
	case kept:
		return renaming{}, fmt.Errorf("a model still has the table %s: a table can be renamed only if its old name is free; leave the hint out", old)
	case taken:
		return renaming{}, fmt.Errorf("the table %s exists already: leave the hint out", name)
	}
	keyed := table.PrimaryKey != nil && slices.Contains([]string{"", primaryKeyName(old.name)}, table.PrimaryKey.Name)
	if keyed {
		table.PrimaryKey.Name = ""
	}
	table.Name = name.name
	r.tables[old] = name
	return renaming{schema: old.schema, table: old.name, to: name.name, keyed: keyed}, nil
}

func (r renamer) column(hint Rename) (renaming, error) {
	owner, old := splitLast(hint.From)
	name := hint.To
	at := r.now(owner)
	if strings.Contains(hint.To, ".") {
		var path string
		path, name = splitLast(hint.To)
		if r.now(path) != at {
			return renaming{}, fmt.Errorf("a rename can't move a column to another table: write %s", Rename{hint.From, at.String() + "." + name})
		}
	}
	table, exists := tableAt(r.from, at)
	want, wanted := tableAt(r.to, at)
	if !exists || !wanted {
		return renaming{}, fmt.Errorf("no table %s is in both the old schema and the models: write table.old=table.new with the name of a table that is%s", at, listed(tablesOf(r.to), nameText))
	}
	column, exists := table.Column(old)
	_, wanted = want.Column(name)
	_, kept := want.Column(old)
	_, taken := table.Column(name)
	switch {
	case !exists:
		return renaming{}, fmt.Errorf("table %s has no column %s: write the column's present name before the =%s", at, old, listed(table.Columns, columnText))
	case !wanted:
		return renaming{}, fmt.Errorf("the model of table %s has no column %s: write the column's name in the model after the =%s", at, name, listed(want.Columns, columnText))
	case kept:
		return renaming{}, fmt.Errorf("the model of table %s still has the column %s: a column can be renamed only if its old name is free; leave the hint out", at, old)
	case taken:
		return renaming{}, fmt.Errorf("table %s has a column %s already: leave the hint out", at, name)
	}
	column.Name = name
	renamed := renaming{schema: at.schema, table: at.name, column: old, to: name}
	renamed.before, renamed.after = renameInTexts(r.engine, table, old, name)
	return renamed, nil
}

// now returns the new name of a table. path may be its old or its new name.
func (r renamer) now(path string) tableName {
	at := pathOf(path)
	if renamed, ok := r.tables[at]; ok {
		return renamed
	}
	return at
}

// renameInTexts renames the column in checks, in conditions of indexes and in expressions of
// generated columns, as engines do. It returns the checks of the table before and after the
// rename. Checks in the definitions of columns follow a rename by themselves.
func renameInTexts(e dbmodule.Engine, table *schema.Table, old, name string) (before, after []*schema.Check) {
	for _, column := range table.Columns {
		if generated, ok := attrOf[*schema.GeneratedExpr](column.Attrs); ok {
			generated.Expr, _ = replaceIdent(e, generated.Expr, old, name)
		}
	}
	for i, attr := range table.Attrs {
		check, ok := attr.(*schema.Check)
		if !ok {
			continue
		}
		text, found := replaceIdent(e, check.Expr, old, name)
		if !found {
			continue
		}
		renamed := *check
		renamed.Expr = text
		table.Attrs[i] = &renamed
		if owner := ownerOf(check); owner != "" {
			if owner == old {
				renamed.Attrs = []schema.Attr{columnCheck{column: name}}
			}
			continue
		}
		before, after = append(before, check), append(after, &renamed)
	}
	for _, index := range table.Indexes {
		if p := predicateText(index); p != nil {
			*p, _ = replaceIdent(e, *p, old, name)
		}
	}
	return before, after
}

func tableAt(realm *schema.Realm, name tableName) (*schema.Table, bool) {
	s, ok := realm.Schema(name.schema)
	if !ok {
		return nil, false
	}
	return s.Table(name.name)
}

// pathOf parses "schema.table" or "table".
func pathOf(path string) tableName {
	if schemaName, name, ok := strings.Cut(path, "."); ok {
		return tableName{schema: schemaName, name: name}
	}
	return tableName{name: path}
}

func splitLast(path string) (head, last string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}

func nameText(t *schema.Table) string    { return nameOfTable(t).String() }
func columnText(c *schema.Column) string { return c.Name }

// mostListed is the greatest number of names that an error lists.
const mostListed = 20

// listed returns the possible names, for an error.
func listed[T any](things []T, text func(T) string) string {
	if len(things) == 0 || len(things) > mostListed {
		return ""
	}
	names := namesIn(things, text)
	slices.Sort(names)
	return " (one of " + strings.Join(names, ", ") + ")"
}
