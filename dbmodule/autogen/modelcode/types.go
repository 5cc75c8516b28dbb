package modelcode

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// choice is a way to declare a column as a field.
type choice struct {
	goType string
	// declared is the option type of the tag; if empty, the Go type decides.
	declared string
	// defaults is the option default of the tag; if empty, there is none.
	defaults string
	column   string
	// options are the other options of the tag.
	options []string
	// ofEngine is the type that the model's ColumnTypes returns for the tables' engine;
	// if empty, the tag decides.
	ofEngine string
}

func (c choice) tag() string {
	parts := []string{columnTag(c.column)}
	if c.declared != "" {
		parts = append(parts, "type:"+option(c.declared))
	}
	parts = append(parts, c.options...)
	if c.defaults != "" {
		parts = append(parts, "default:"+option(c.defaults))
	}
	return strings.Join(parts, ",")
}

// columnTag returns the beginning of a tag, which names the column. A name that Bun would read as
// an option, or warn about, gets the prefix "column:".
func columnTag(name string) string {
	options := []string{"alt", "type", "array", "default", "unique", "rel", "join", "identity", "column", "composite", "polymorphic"}
	if strings.ContainsAny(name, `,:"\`) || slices.Contains(options, name) {
		return "column:" + option(name)
	}
	return name
}

// option returns the value of an option of a tag, in double quotes if it has a comma
// outside parentheses.
func option(text string) string {
	depth, plain := 0, !strings.ContainsAny(text, `"\`)
	for _, r := range text {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			plain = false
		}
	}
	if plain {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// goType is a Go type for columns: as NOT NULL, and with NULL.
type goType struct {
	plain, nullable string
	of              reflect.Type
}

var (
	goString  = goType{"string", "*string", reflect.TypeFor[string]()}
	goBool    = goType{"bool", "*bool", reflect.TypeFor[bool]()}
	goInt64   = goType{"int64", "*int64", reflect.TypeFor[int64]()}
	goInt32   = goType{"int32", "*int32", reflect.TypeFor[int32]()}
	goInt16   = goType{"int16", "*int16", reflect.TypeFor[int16]()}
	goFloat64 = goType{"float64", "*float64", reflect.TypeFor[float64]()}
	goFloat32 = goType{"float32", "*float32", reflect.TypeFor[float32]()}
	goTime    = goType{"time.Time", "*time.Time", reflect.TypeFor[time.Time]()}
	goBytes   = goType{"[]byte", "[]byte", reflect.TypeFor[[]byte]()}
	goJSON    = goType{"json.RawMessage", "json.RawMessage", reflect.TypeFor[json.RawMessage]()}
	goUUID    = goType{"uuid.UUID", "*uuid.UUID", reflect.TypeFor[uuid.UUID]()}
	goStrings = goType{"[]string", "[]string", reflect.TypeFor[[]string]()}
	goInts    = goType{"[]int64", "[]int64", reflect.TypeFor[[]int64]()}
)

// choose finds the shortest tag that describes the column exactly. If there is none, it
// returns false and the nearest choice.
func (w writer) choose(table *schema.Table, column *schema.Column) (choice, bool) {
	typ := w.goType(column)
	base := choice{goType: typ.plain, column: column.Name}
	key, isNumbered := isKey(table, column), numbered(table, column)
	if key {
		base.options = append(base.options, "pk")
	}
	if isNumbered {
		base.options = append(base.options, "autoincrement")
	}
	switch {
	case column.Type.Null:
		base.goType = typ.nullable
	case !key && !isNumbered:
		base.options = append(base.options, "notnull")
	}
	if _, array := column.Type.Type.(*postgres.ArrayType); array {
		base.options = append(base.options, "array")
	}
	if _, generated := attr[*schema.GeneratedExpr](column.Attrs); generated {
		base.options = append(base.options, "scanonly")
		base.declared = w.format(column)
		return base, false
	}
	collated := collation(table, column)
	spelled := w.format(column) + collated
	ways := []string{"", spelled}
	if strings.Contains(spelled, "(") || collated != "" {
		ways = []string{spelled, ""}
	}
	for _, declared := range ways {
		for _, defaults := range defaultsOf(column, isNumbered) {
			tried := base
			tried.declared, tried.defaults = declared, defaults
			if w.agrees(table, withDefault(column, defaults), typ, tried) {
				return tried, true
			}
		}
	}
	if w.parses(column, spelled) {
		for _, defaults := range defaultsOf(column, isNumbered) {
			tried := base
			tried.defaults, tried.ofEngine = defaults, spelled
			if w.agrees(table, withDefault(column, defaults), typ, tried) {
				return tried, true
			}
		}
	}
	base.declared = spelled
	if d := defaultsOf(column, isNumbered); len(d) > 0 {
		base.defaults = d[0]
	}
	if !w.converts(table, typ, base) {
		base.defaults = ""
		if !w.converts(table, typ, base) {
			base.declared = ""
		}
	}
	return base, false
}

// defaultsOf returns the texts that the option default may have for a column, the best one first.
func defaultsOf(column *schema.Column, isNumbered bool) []string {
	if isNumbered {
		return []string{""}
	}
	switch x := column.Default.(type) {
	case *schema.Literal:
		return []string{x.V}
	case *schema.RawExpr:
		ways := []string{x.X}
		if text, cast, ok := strings.Cut(x.X, "::"); ok && !strings.ContainsAny(cast, "'(:") {
			ways = []string{text, x.X}
		}
		return ways
	}
	return []string{""}
}

// withDefault returns the column with the chosen default, which may lack the cast to the
// column's own type.
func withDefault(column *schema.Column, chosen string) *schema.Column {
	x, ok := column.Default.(*schema.RawExpr)
	if !ok || x.X == chosen || !strings.HasPrefix(x.X, chosen+"::") {
		return column
	}
	copied := *column
	copied.Default = &schema.Literal{V: chosen}
	return &copied
}

// canDeclare reports whether a model can have a column of this name.
func (w writer) canDeclare(table *schema.Table, column *schema.Column) bool {
	return w.converts(table, goInt64, choice{goType: goInt64.plain, column: column.Name})
}

func (w writer) goType(column *schema.Column) goType {
	switch t := column.Type.Type.(type) {
	case *schema.BoolType:
		return goBool
	case *schema.IntegerType:
		return integer(t.T)
	case *postgres.SerialType:
		return integer(t.IntegerType().T)
	case *schema.FloatType:
		if strings.EqualFold(t.T, "real") && w.engine == dbmodule.PostgreSQL {
			return goFloat32
		}
		return goFloat64
	case *schema.TimeType:
		if name := strings.ToLower(t.T); strings.HasPrefix(name, "timestamp") || name == "datetime" || name == "date" {
			return goTime
		}
		return goString
	case *schema.BinaryType:
		return goBytes
	case *schema.JSONType:
		return goJSON
	case *schema.UUIDType:
		return goUUID
	case *postgres.ArrayType:
		if _, ok := t.Type.(*schema.IntegerType); ok {
			return goInts
		}
		return goStrings
	}
	return goString
}

func integer(name string) goType {
	switch strings.ToLower(name) {
	case "smallint", "int2", "tinyint":
		return goInt16
	case "bigint", "int8":
		return goInt64
	case "integer", "int", "int4", "mediumint":
		return goInt32
	}
	return goInt64
}

// format returns a column's type as text.
func (w writer) format(column *schema.Column) string {
	format := sqlite.FormatType
	switch w.engine {
	case dbmodule.PostgreSQL:
		format = postgres.FormatType
	case dbmodule.MySQL:
		format = mysql.FormatType
	}
	t := column.Type.Type
	if serial, ok := t.(*postgres.SerialType); ok {
		t = serial.IntegerType()
	}
	text, err := format(t)
	if err != nil || w.engine == dbmodule.SQLite && strings.Contains(column.Type.Raw, "(") {
		// SQLite keeps the sizes of types, but ignores them.
		return strings.ToLower(column.Type.Raw)
	}
	return strings.NewReplacer("character varying", "varchar", " without time zone", "").Replace(text)
}

// collation returns a column's collation on MySQL if it differs from its table's.
func collation(table *schema.Table, column *schema.Column) string {
	own, ok := attr[*schema.Collation](column.Attrs)
	tables, known := attr[*schema.Collation](table.Attrs)
	if !ok || !known || own.V == tables.V {
		return ""
	}
	return " collate " + own.V
}

// agrees reports whether a model with only this column, declared by the choice, equals the column
// in the database.
func (w writer) agrees(table *schema.Table, column *schema.Column, typ goType, c choice) bool {
	realm, err := w.realm(table.Name, typ, c)
	if err != nil {
		return false
	}
	copied := *column
	copied.Attrs, copied.Indexes, copied.ForeignKeys = nil, nil, nil
	if serial, ok := column.Type.Type.(*postgres.SerialType); ok {
		copied.Type = &schema.ColumnType{Type: serial.IntegerType(), Null: column.Type.Null}
		copied.Default = nil
	}
	if numbered(table, column) {
		copied.Type = &schema.ColumnType{Type: copied.Type.Type, Null: false}
	}
	live := schema.NewRealm(schema.New("").AddTables(schema.NewTable(table.Name).AddColumns(&copied)))
	for _, made := range realm.Schemas[0].Tables {
		made.Attrs = nil
		for _, column := range made.Columns {
			column.Attrs = nil
			if c.ofEngine != "" {
				column.Type.Type = copied.Type.Type // as the model's ColumnTypes will return it
			}
		}
	}
	draft, err := autogen.Compare(context.Background(), w.engine, live, realm) //nolint:forbidigo // it compares in memory, and waits for nothing
	return err == nil && draft.Empty()
}

// parses reports whether atlas parses spelled, which ColumnTypes would return, as the column's
// type.
func (w writer) parses(column *schema.Column, spelled string) bool {
	parse := sqlite.ParseType
	switch w.engine {
	case dbmodule.PostgreSQL:
		parse = postgres.ParseType
	case dbmodule.MySQL:
		parse = mysql.ParseType
	}
	parsed, err := parse(spelled)
	if err != nil {
		return false
	}
	copied := *column
	copied.Type = &schema.ColumnType{Type: parsed}
	return w.format(&copied) == w.format(column)
}

// converts reports whether autogen can convert a model with only this column, declared by the
// choice.
func (w writer) converts(table *schema.Table, typ goType, c choice) bool {
	_, err := w.realm(table.Name, typ, c)
	return err == nil
}

// realm converts a model with only this column, declared by the choice. It leaves out the options
// pk and autoincrement, which need the rest of the table.
func (w writer) realm(table string, typ goType, c choice) (realm *schema.Realm, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("modelcode: try a tag: %v", cause)
		}
	}()
	var options []string
	notNull := false
	for _, o := range c.options {
		switch o {
		case "pk", "autoincrement":
			notNull = true
		default:
			options = append(options, o)
		}
	}
	if notNull {
		options = append(options, "notnull")
	}
	tried := c
	tried.options = options
	of := typ.of
	if strings.HasPrefix(c.goType, "*") {
		of = reflect.PointerTo(of)
	}
	t := reflect.StructOf([]reflect.StructField{
		{Name: "BaseModel", Type: reflect.TypeFor[bun.BaseModel](), Anonymous: true, Tag: tagOf("table:" + table)},
		{Name: "Field", Type: of, Tag: tagOf(tried.tag())},
	})
	return autogen.Realm(w.engine, reflect.New(t).Interface())
}

func tagOf(text string) reflect.StructTag {
	return reflect.StructTag(fmt.Sprintf("bun:%q", text))
}
