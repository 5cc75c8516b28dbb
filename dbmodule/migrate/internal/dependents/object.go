package dependents

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// Object is a view or a trigger.
type Object struct {
	Name string
	// Table is the table of a trigger. It is empty for a view.
	Table string
	// Definition is its definition in information_schema: for a view view_definition, in
	// which the server writes all names in full; for a trigger action_statement.
	Definition string
	// Schema is the schema of the object.
	Schema string
}

// String returns the kind and the name of the object.
func (o Object) String() string {
	if o.Table == "" {
		return "view " + o.Name
	}
	return "trigger " + o.Name + " of table " + o.Table
}

// Uses reports whether the object uses the removed table or column. For a trigger it may
// report true wrongly, if another table in the trigger's text has a column of this name.
func (o Object) Uses(r Removal) bool {
	if r.Schema == "" {
		r.Schema = o.Schema
	}
	tokens := sqlscan.MySQL.Tokens(o.Definition)
	if o.Table == "" {
		return viewUses(tokens, r)
	}
	return o.triggerUses(tokens, r)
}

// viewUses reports whether the definition of a view uses what is removed. It looks for
// `schema`.`table`, and for a column after that or after an alias of the table.
func viewUses(tokens []sqlscan.Token, r Removal) bool {
	var aliases []string
	for i := range tokens {
		if !isName(tokens, i, r.Schema) || !isName(tokens, i+2, r.Table) || !isDot(tokens, i+1) || isDot(tokens, i-1) {
			continue
		}
		switch {
		case r.Column == "":
			return true
		case isDot(tokens, i+3):
			if isName(tokens, i+4, r.Column) {
				return true
			}
		case i+3 < len(tokens) && tokens[i+3].Kind == sqlscan.Name:
			aliases = append(aliases, tokens[i+3].Unquoted())
		}
	}
	for i := range tokens {
		if isName(tokens, i+2, r.Column) && isDot(tokens, i+1) && !isDot(tokens, i-1) && !isDot(tokens, i+3) &&
			slices.ContainsFunc(aliases, func(alias string) bool { return isName(tokens, i, alias) }) {
			return true
		}
	}
	return false
}

// triggerUses reports whether the trigger's statement uses what is removed. It looks for
// NEW.column and OLD.column of the trigger's own table, and for uses of the table together with a
// column of this name.
func (o Object) triggerUses(tokens []sqlscan.Token, r Removal) bool {
	own := strings.EqualFold(o.Table, r.Table) && strings.EqualFold(o.Schema, r.Schema)
	onTable, column := false, false
	for i, token := range tokens {
		if i > 0 && isName(tokens, i, r.Table) && (isDot(tokens, i-1) && i > 1 && isName(tokens, i-2, r.Schema) ||
			tokens[i-1].Is("INTO", "UPDATE", "FROM", "JOIN", "INSERT", "REPLACE", "IGNORE")) {
			onTable = true
		}
		if r.Column == "" || !isName(tokens, i, r.Column) || token.Kind == sqlscan.String {
			continue
		}
		ofRow := i > 1 && isDot(tokens, i-1) && tokens[i-2].Is("NEW", "OLD")
		if ofRow && own {
			return true
		}
		column = column || !ofRow && (i == 0 || !tokens[i-1].Is("@"))
	}
	return onTable && (r.Column == "" && !own || column)
}

// isName reports whether the i-th token is this name.
func isName(tokens []sqlscan.Token, i int, name string) bool {
	return i >= 0 && i < len(tokens) && (tokens[i].Kind == sqlscan.Word || tokens[i].Kind == sqlscan.Name) && strings.EqualFold(tokens[i].Unquoted(), name)
}

// isDot reports whether the i-th token is a dot.
func isDot(tokens []sqlscan.Token, i int) bool {
	return i >= 0 && i < len(tokens) && tokens[i].Is(".")
}

// Remade reports whether one of the statements drops, alters or creates the object.
func (o Object) Remade(statements []string) bool {
	kind := "VIEW"
	if o.Table != "" {
		kind = "TRIGGER"
	}
	const head = 20 // CREATE OR REPLACE ALGORITHM = … DEFINER = … SQL SECURITY … VIEW
	return slices.ContainsFunc(statements, func(sql string) bool {
		tokens := sqlscan.MySQL.Tokens(sql)
		if len(tokens) == 0 || !tokens[0].Is("CREATE", "DROP", "ALTER") {
			return false
		}
		at := slices.IndexFunc(tokens[:min(head, len(tokens))], func(t sqlscan.Token) bool { return t.Is(kind) })
		if at < 0 {
			return false
		}
		for i := at + 1; i < len(tokens) && (tokens[0].Is("DROP") || i < at+head && !tokens[i].Is("AS", "ON")); i++ {
			if isName(tokens, i, o.Name) {
				return true
			}
		}
		return false
	})
}
