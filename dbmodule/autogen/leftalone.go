package autogen

import (
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// LeftAlone names an object in the database that a comparison leaves out, because
// the object can't be read or because models can't express it. No statement of a
// draft touches it.
type LeftAlone struct {
	// Table is the table, with its schema if that is not the default one.
	Table string
	// Object is the part of the table, such as "index ux_books"; empty for the
	// whole table.
	Object string
	// Reason says why, as one sentence without its full stop.
	Reason string
}

// String returns one line of text.
func (l LeftAlone) String() string {
	if l.Object == "" {
		return "table " + l.Table + " is left alone: " + l.Reason
	}
	return "table " + l.Table + ": " + l.Object + " is left alone: " + l.Reason
}

// leave makes a LeftAlone.
func leave(table tableName, object, reason string) LeftAlone {
	return LeftAlone{Table: table.String(), Object: object, Reason: reason}
}

// unread lists the objects that an engine could not read.
type unread struct {
	left        []LeftAlone
	constraints []hiddenConstraint
}

// hiddenConstraint is a foreign key or check that the server does not describe to this
// user.
type hiddenConstraint struct {
	table   tableName
	name    string
	isCheck bool
}

// cause returns an error's text without the prefixes of atlas and this package.
func cause(err error) string {
	text := err.Error()
	for _, prefix := range []string{"autogen: ", "sqlite: ", "postgres: ", "mysql: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// removeTables removes the tables that are left alone from a realm.
func removeTables(realm *schema.Realm, left []LeftAlone) {
	for _, s := range realm.Schemas {
		s.Tables = slices.DeleteFunc(s.Tables, func(t *schema.Table) bool {
			return slices.ContainsFunc(left, func(l LeftAlone) bool { return l.Object == "" && l.Table == nameOfTable(t).String() })
		})
	}
}
