package autogen

import (
	"fmt"
	"regexp"
	"strings"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
)

// mysqlTypes maps the types of other engines, and MySQL's types that are smaller than
// another engine's type of the same name. All other types are used unchanged.
var mysqlTypes = map[string]string{
	"boolean":                     "bool",
	"integer":                     "int",
	"integer unsigned":            "int unsigned",
	"int2":                        "smallint",
	"int4":                        "int",
	"int8":                        "bigint",
	"real":                        "double",
	"float":                       "double",
	"float4":                      "double",
	"float8":                      "double",
	"double precision":            "double",
	"character varying":           "varchar",
	"nvarchar":                    "varchar",
	"citext":                      "varchar",
	"character":                   "char",
	"nchar":                       "char",
	"text":                        "longtext",
	"clob":                        "longtext",
	"xml":                         "longtext",
	"blob":                        "longblob",
	"bytea":                       "longblob",
	"timestamp":                   "datetime",
	"timestamptz":                 "datetime",
	"timestamp with time zone":    "datetime",
	"timestamp without time zone": "datetime",
	"timetz":                      "time",
	"time with time zone":         "time",
	"time without time zone":      "time",
	"jsonb":                       "json",
	"hstore":                      "json",
	"uuid":                        "char(36)",
	"inet":                        "varchar(64)",
	"cidr":                        "varchar(64)",
	"macaddr":                     "varchar(64)",
	"dec":                         "decimal",
	"numeric":                     "decimal",
}

// mysqlArgs are the arguments for types that would be too small without arguments.
var mysqlArgs = map[string]string{"varchar": "(255)", "datetime": "(6)", "time": "(6)"}

func (mysqlEngine) parseType(declared string) (schema.Type, error) {
	n := splitType(declared)
	if n.array {
		n = typeName{base: "json"}
	}
	base, args := n.base, n.args
	if known, ok := mysqlTypes[base]; ok {
		base = known
		switch known {
		case "double", "longtext", "longblob", "json", "char(36)", "varchar(64)":
			args = "" // a size has another meaning on MySQL
		}
	}
	if args == "" {
		args = mysqlArgs[base]
	}
	if base == "decimal" && args == "" {
		return nil, fmt.Errorf("type %q needs its precision and scale on MySQL, for example numeric(20,6): without them it holds whole numbers only", declared)
	}
	return mysqlEngine{}.ownType(typeName{base: base, args: args}.spelled())
}

func (mysqlEngine) ownType(declared string) (schema.Type, error) {
	t, err := mysql.ParseType(splitType(declared).spelled())
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", declared, err)
	}
	if _, unsupported := t.(*schema.UnsupportedType); unsupported {
		return nil, fmt.Errorf("MySQL has no type %q", declared)
	}
	return t, nil
}

// reMySQLNow matches the other names that MySQL has for current_timestamp.
var reMySQLNow = regexp.MustCompile(`(?i)^(now|localtime|localtimestamp)(\(\d?\))?$`)

func (mysqlEngine) defaultOf(t schema.Type, d defaultValue) schema.Expr {
	if d.kind == defaultExpression && reMySQLNow.MatchString(d.text) {
		d.kind = defaultNow
	}
	switch d.kind {
	case defaultString:
		literal := strings.ReplaceAll(quote(d.text), `\`, `\\`)
		if isLong(t) {
			// For these types MySQL takes only expressions as defaults.
			return &schema.RawExpr{X: wrap(literal)}
		}
		return &schema.Literal{V: literal}
	case defaultNumber:
		return &schema.Literal{V: d.text}
	case defaultBool:
		return &schema.Literal{V: bit(d)}
	case defaultNow:
		tt, ok := t.(*schema.TimeType)
		if !ok {
			return &schema.RawExpr{X: "(now())"}
		}
		if tt.T != mysql.TypeDateTime && tt.T != mysql.TypeTimestamp {
			return &schema.RawExpr{X: "(current_timestamp())"}
		}
		if tt.Precision != nil && *tt.Precision > 0 {
			return &schema.RawExpr{X: fmt.Sprintf("current_timestamp(%d)", *tt.Precision)}
		}
		return &schema.RawExpr{X: "current_timestamp"}
	case defaultUUID:
		return &schema.RawExpr{X: "(uuid())"}
	}
	return &schema.RawExpr{X: wrap(d.text)}
}

// isLong reports whether the type takes no literals as defaults, and needs a length to
// be in a key.
func isLong(t schema.Type) bool {
	switch t := t.(type) {
	case *schema.JSONType:
		return true
	case *schema.StringType:
		return strings.HasSuffix(t.T, "text")
	case *schema.BinaryType:
		return strings.HasSuffix(t.T, "blob")
	}
	return false
}
