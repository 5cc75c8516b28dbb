package autogen

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// Code is a kind of [Warning]. Its text appears in comments, and in settings that
// allow this kind.
type Code string

// The kinds of warnings.
const (
	// DropTable and DropColumn lose rows or values for good.
	DropTable  Code = "drop-table"
	DropColumn Code = "drop-column"
	// NarrowType changes a column to a type that can't hold all values of the old
	// type.
	NarrowType Code = "narrow-type"
	// ConvertType converts the existing values to another type, where that is
	// possible.
	ConvertType Code = "convert-type"
	// SetNotNull makes a column NOT NULL, which can fail on rows with NULL.
	SetNotNull Code = "set-not-null"
	// AddNotNull adds a NOT NULL column without a default for the existing rows.
	AddNotNull Code = "add-not-null"
	// AddUnique, AddForeignKey and AddCheck can fail on rows that violate them.
	AddUnique     Code = "add-unique"
	AddForeignKey Code = "add-foreign-key"
	AddCheck      Code = "add-check"
	// ChangePrimaryKey can fail on rows that are equal in the new key, and breaks
	// programs that identify rows by the old key.
	ChangePrimaryKey Code = "change-primary-key"
	// RenameTable and RenameColumn break programs that use the old name, for example
	// an older build of this program that is still running.
	RenameTable  Code = "rename-table"
	RenameColumn Code = "rename-column"
	// NameCase creates a table although there is another one whose name differs only
	// in upper and lower case.
	NameCase Code = "name-case"
)

// Warning describes a change that loses data, that can fail on existing rows, or
// that breaks programs that use the database.
type Warning struct {
	// Down says that the change is a part of the downgrade.
	Down bool
	Code Code
	// Table is the table, with its schema if that is not the default one.
	Table string
	// Column is the column, or several columns separated by commas. It is empty if
	// the warning is about the whole table.
	Column string
	// Text says in one line what happens on the engine. It does not repeat Table and
	// Column.
	Text string
}

// String returns the warning as one line of text.
func (w Warning) String() string {
	where := w.Table
	if w.Column != "" {
		where += "(" + w.Column + ")"
	}
	way := ""
	if w.Down {
		way = "down: "
	}
	return fmt.Sprintf("%s%s: %s [%s]", way, where, w.Text, w.Code)
}

// warner collects the warnings of one direction.
type warner struct {
	engine   dbmodule.Engine
	from     *schema.Realm
	warnings []Warning
}

// warningsOf returns the warnings about changes of from.
func warningsOf(e engine, from *schema.Realm, changes []schema.Change) []Warning {
	w := warner{engine: e.name(), from: from}
	for _, change := range changes {
		switch change := change.(type) {
		case *schema.DropTable:
			w.add(DropTable, change.T, "", "the table is dropped with all its rows")
		case *schema.ModifyTable:
			w.table(change)
		}
	}
	slices.SortStableFunc(w.warnings, func(a, b Warning) int { return strings.Compare(a.Table, b.Table) })
	return w.warnings
}

func (w *warner) add(code Code, table *schema.Table, column, text string, args ...any) {
	w.warnings = append(w.warnings, Warning{
		Code: code, Table: nameOfTable(table).String(), Column: column, Text: fmt.Sprintf(text, args...),
	})
}

func (w *warner) table(modify *schema.ModifyTable) {
	old, _ := tableAt(w.from, nameOfTable(modify.T))
	for _, change := range modify.Changes {
		switch change := change.(type) {
		case *schema.DropColumn:
			w.add(DropColumn, modify.T, change.C.Name, "the column is dropped with all its values")
		case *schema.AddColumn:
			w.added(modify.T, change.C)
		case *schema.ModifyColumn:
			w.column(modify.T, change)
		case *schema.AddIndex:
			w.unique(modify.T, change.I)
		case *schema.ModifyIndex:
			w.unique(modify.T, change.To)
		case *schema.AddForeignKey:
			w.key(modify.T, change.F)
		case *schema.ModifyForeignKey:
			if change.Change.Is(schema.ChangeRefTable | schema.ChangeRefColumn | schema.ChangeColumn) {
				w.key(modify.T, change.To)
			}
		case *schema.AddCheck:
			w.check(old, modify.T, change.C)
		case *schema.ModifyCheck:
			w.check(old, modify.T, change.To)
		case *schema.AddPrimaryKey:
			w.primary(modify.T, change.P)
		case *schema.ModifyPrimaryKey:
			w.primary(modify.T, change.To)
		case *schema.DropPrimaryKey:
			w.add(ChangePrimaryKey, modify.T, strings.Join(partNames(change.P), ", "), "the primary key is dropped")
		}
	}
}

// added warns of a column for which existing rows have no value.
func (w *warner) added(table *schema.Table, c *schema.Column) {
	if c.Type.Null || c.Default != nil || numbered(c) {
		return
	}
	text := "existing rows have no value for it, so it fails unless the table is empty: give it a default, or add it as NULL and fill it first"
	if w.engine == dbmodule.MySQL {
		text = "existing rows silently get the type's zero (0, '' or the like): give it a default, or add it as NULL and fill it first"
	}
	w.add(AddNotNull, table, c.Name, "the column is not null and has no default; %s", text)
}

// nullsFilled is the text about a column that becomes not null without an error, because it has a
// default.
const nullsFilled = "rows with NULL get the default"

func (w *warner) column(table *schema.Table, change *schema.ModifyColumn) {
	if change.Change.Is(schema.ChangeType) {
		w.changedType(table, change)
	}
	if change.Change.Is(schema.ChangeNull) && !change.To.Type.Null && !numbered(change.To) {
		text := "fails if a row has NULL there: fill it first"
		if w.engine == dbmodule.MySQL {
			text = "fails if a row has NULL there, and the statements before it stay done: fill it first"
		}
		if change.To.Default != nil {
			text = nullsFilled
		}
		w.add(SetNotNull, table, change.To.Name, "the column becomes not null; %s", text)
	}
}

func (w *warner) changedType(table *schema.Table, change *schema.ModifyColumn) {
	from, to := typeText(w.engine, change.From), typeText(w.engine, change.To)
	switch effectOf(change.From.Type.Type, change.To.Type.Type) {
	case narrows:
		w.add(NarrowType, table, change.To.Name, "%s becomes %s: %s", from, to, w.narrowing(change.From.Type.Type, change.To.Type.Type))
	case converts:
		w.add(ConvertType, table, change.To.Name, "%s becomes %s and every value is converted: %s", from, to,
			w.conversion(change.From.Type.Type, change.To.Type.Type))
	}
}

// What happens to the digits of a value, without an error.
const (
	lostFraction = "digits after the point are rounded away, and a value that does not fit fails"
	lostDigits   = "a value keeps its first %d digits, and no error tells which lose some"
	lostSeconds  = "fractions of a second are rounded or cut off"
)

// narrowing says what a smaller type of the same kind does to values.
func (w *warner) narrowing(from, to schema.Type) string {
	float, toFloat := to.(*schema.FloatType)
	switch {
	case toFloat:
		return fmt.Sprintf(lostDigits, floatDigits(w.engine, float.T))
	case losesFraction(from, to) && isTime(to):
		return lostSeconds
	case losesFraction(from, to):
		return lostFraction
	}
	return "a value that does not fit fails"
}

// conversion says what a conversion does to values.
func (w *warner) conversion(from, to schema.Type) string {
	_, fromBytes := from.(*schema.BinaryType)
	_, toInteger := to.(*schema.IntegerType)
	float, toFloat := to.(*schema.FloatType)
	text, toText := to.(*schema.StringType)
	switch {
	case w.engine == dbmodule.PostgreSQL && (zoneInText(from, to) || isTime(from) && isTime(to) && zoned(from) != zoned(to)):
		return w.zones(from, to)
	case toText && !fromBytes && textRoom(text.T, text.Size) > math.MaxUint8:
		return "no value fails"
	case toFloat && isNumber(from):
		return fmt.Sprintf(lostDigits, floatDigits(w.engine, float.T))
	case w.engine == dbmodule.SQLite:
		return "a value that can't be converted stays as it is"
	case toInteger && isNumber(from):
		return lostFraction
	case isTime(from) && isTime(to):
		return "what the new type doesn't have, such as the time of day, is cut off"
	}
	return "a value that can't be converted fails"
}

// zones says what a conversion does to values that get or lose their zone.
func (w *warner) zones(from, to schema.Type) string {
	text := "a value without a time zone is read as UTC, as Bun writes it; change the statement if your values are in another zone"
	if !zoned(to) && isTime(to) {
		text = "a value keeps its time in UTC and loses its time zone"
	}
	if isTime(from) && isTime(to) && strings.TrimSuffix(timeName(from), "tz") != strings.TrimSuffix(timeName(to), "tz") {
		text += "; what the new type doesn't have, such as the time of day, is cut off"
	} else if losesFraction(from, to) {
		text += "; " + lostSeconds
	}
	return text
}

func (w *warner) unique(table *schema.Table, index *schema.Index) {
	if index.Unique {
		w.add(AddUnique, table, strings.Join(partNames(index), ", "), "unique index %s fails if rows are equal there", index.Name)
	}
}

// key warns of a new foreign key, unless the old table has one that allows the same rows, or
// existing rows have NULL in it.
func (w *warner) key(table *schema.Table, key *schema.ForeignKey) {
	if old, ok := tableAt(w.from, nameOfTable(table)); ok &&
		slices.ContainsFunc(old.ForeignKeys, func(known *schema.ForeignKey) bool { return sameReference(known, key) }) {
		return
	}
	if slices.ContainsFunc(key.Columns, func(c *schema.Column) bool { return w.isNew(table, c) && c.Default == nil }) {
		return // existing rows have NULL there, which refers to no row
	}
	w.add(AddForeignKey, table, strings.Join(columnNames(key.Columns), ", "),
		"foreign key %s fails if a row refers to a missing row of %s", key.Symbol, nameOfTable(key.RefTable))
}

// isNew reports whether the column is new, so that existing rows have no value in it.
func (w *warner) isNew(table *schema.Table, c *schema.Column) bool {
	old, ok := tableAt(w.from, nameOfTable(table))
	if !ok {
		return true
	}
	_, known := old.Column(c.Name)
	return !known
}

// check warns of a new check, unless the old table has the same check under another name.
func (w *warner) check(old, table *schema.Table, check *schema.Check) {
	for _, known := range checksOf(old) {
		if wrap(known.Expr) == wrap(check.Expr) {
			return
		}
	}
	w.add(AddCheck, table, "", "check %s fails if a row violates it", check.Name)
}

func (w *warner) primary(table *schema.Table, key *schema.Index) {
	w.add(ChangePrimaryKey, table, strings.Join(partNames(key), ", "), "the primary key changes: fails if rows are equal in the new one or have NULL there")
}

// renameWarnings returns a warning for each rename.
func renameWarnings(done []renaming) []Warning {
	var warnings []Warning
	for _, r := range done {
		w := Warning{Code: RenameTable, Table: r.at().String(), Text: fmt.Sprintf("the table becomes %s: programs that use the old name fail", tableName{r.schema, r.to})}
		if r.column != "" {
			w.Code, w.Column, w.Text = RenameColumn, r.column, fmt.Sprintf("the column becomes %s: programs that use the old name fail", r.to)
		}
		warnings = append(warnings, w)
	}
	return warnings
}

// losses returns the warnings about the downgrade that a reader must know before it
// runs: what is lost, and the columns for which rows may have no value. On MySQL a
// downgrade that fails on such rows stays half done.
func losses(warnings []Warning) []Warning {
	var lost []Warning
	for _, w := range warnings {
		told := []Code{DropTable, DropColumn, NarrowType, ConvertType, SetNotNull, AddNotNull}
		if slices.Contains(told, w.Code) && !strings.HasSuffix(w.Text, nullsFilled) {
			w.Down = true
			lost = append(lost, w)
		}
	}
	return lost
}
