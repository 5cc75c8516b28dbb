package autogen

import (
	"math"
	"reflect"
	"strings"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/openhands-go/server/dbmodule"
)

// effect says what a change of type does to the values of a column.
type effect int

const (
	// keeps: every value fits into the new type.
	keeps effect = iota
	// narrows: some values may not fit into the new type, or lose digits.
	narrows
	// converts: every value is converted to another kind of type.
	converts
)

func effectOf(from, to schema.Type) effect {
	if reflect.TypeOf(from) != reflect.TypeOf(to) {
		return converts
	}
	room, more, ok := capacities(from, to)
	switch {
	case !ok:
		return converts
	case more < room || losesFraction(from, to):
		return narrows
	}
	return keeps
}

// capacities measures the capacities of two types of the same kind. ok is false if
// they are not comparable.
func capacities(a, b schema.Type) (from, to int, ok bool) {
	switch a := a.(type) {
	case *schema.StringType:
		b, ok := b.(*schema.StringType)
		return textRoom(a.T, a.Size), textRoom(b.T, b.Size), ok
	case *schema.BinaryType:
		b, ok := b.(*schema.BinaryType)
		return textRoom(a.T, sizeOf(a.Size)), textRoom(b.T, sizeOf(b.Size)), ok
	case *schema.IntegerType:
		b, ok := b.(*schema.IntegerType)
		if a.Unsigned && !b.Unsigned || !a.Unsigned && b.Unsigned {
			return 1, 0, ok
		}
		return integerRoom(a.T), integerRoom(b.T), ok
	case *schema.DecimalType:
		b, ok := b.(*schema.DecimalType)
		return decimalRoom(a), decimalRoom(b), ok
	case *schema.FloatType:
		b, ok := b.(*schema.FloatType)
		return floatRoom(a.T), floatRoom(b.T), ok
	case *schema.TimeType:
		b, ok := b.(*schema.TimeType)
		return 0, 0, ok && splitType(a.T).base == splitType(b.T).base
	}
	return 0, 0, false
}

// losesFraction reports whether the new type has fewer digits after the point.
func losesFraction(a, b schema.Type) bool {
	switch a := a.(type) {
	case *schema.DecimalType:
		b, ok := b.(*schema.DecimalType)
		return ok && b.Precision > 0 && (a.Precision == 0 || b.Scale < a.Scale)
	case *schema.TimeType:
		b, ok := b.(*schema.TimeType)
		return ok && timeDigits(b) < timeDigits(a)
	}
	return false
}

// timeDigits returns the number of digits after the second. Without a precision
// PostgreSQL has 6; MySQL's types always have one here.
func timeDigits(t *schema.TimeType) int {
	if t.Precision == nil {
		return 6
	}
	return *t.Precision
}

func sizeOf(size *int) int {
	if size == nil {
		return 0
	}
	return *size
}

// textRoom returns the length of the longest value of a string or binary type.
func textRoom(name string, size int) int {
	switch name = strings.ToLower(name); {
	case size > 0:
		return size
	case strings.HasPrefix(name, "tiny"):
		return math.MaxUint8
	case strings.HasPrefix(name, "medium"):
		return 1<<24 - 1
	case name == "char" || name == "character" || name == "binary":
		return 1
	}
	return math.MaxInt32
}

func integerRoom(name string) int {
	switch strings.ToLower(name) {
	case "tinyint":
		return 1
	case "smallint", "int2", "smallserial":
		return 2
	case "mediumint":
		return 3
	case "bigint", "int8", "bigserial":
		return 8
	}
	return 4
}

// decimalRoom returns the number of digits before the point.
func decimalRoom(t *schema.DecimalType) int {
	if t.Precision == 0 {
		return math.MaxInt32
	}
	return t.Precision - t.Scale
}

func floatRoom(name string) int {
	switch strings.ToLower(name) {
	case "real", "float", "float4":
		return 4
	}
	return 8
}

// floatDigits returns how many decimal digits every value of a floating-point type keeps.
// SQLite has one such type, whatever its name.
func floatDigits(engine dbmodule.Engine, name string) int {
	if engine != dbmodule.SQLite && floatRoom(name) == 4 {
		return 6
	}
	return 15
}

// typeText renders a column's type.
func typeText(engine dbmodule.Engine, c *schema.Column) string {
	format := sqlite.FormatType
	switch engine {
	case dbmodule.PostgreSQL:
		format = postgres.FormatType
	case dbmodule.MySQL:
		format = mysql.FormatType
	}
	text, err := format(c.Type.Type)
	if err != nil {
		return c.Type.Raw
	}
	return text
}
