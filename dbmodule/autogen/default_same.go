package autogen

import (
	"strings"

	"ariga.io/atlas/sql/schema"
)

// withoutDefaults removes all columns' defaults while fn runs, so that atlas's differ does not
// compare them; sameDefault does. The differ compares texts, and asks the database to compare
// values, which fails for types without equality such as json.
func withoutDefaults(schemas []*schema.Schema, fn func() ([]schema.Change, error)) ([]schema.Change, error) {
	defaults := map[*schema.Column]schema.Expr{}
	for _, s := range schemas {
		for _, table := range s.Tables {
			for _, column := range table.Columns {
				defaults[column], column.Default = column.Default, nil
			}
		}
	}
	defer func() {
		for column, x := range defaults {
			column.Default = x
		}
	}()
	return fn()
}

// sameDefault reports whether two columns of the same type have the same default. It compares
// numbers by value and expressions by text.
func sameDefault(a, b *schema.Column) bool { return defaultKey(a) == defaultKey(b) }

// defaultKey returns the same text for equal defaults, and an empty text if there is no default.
func defaultKey(c *schema.Column) string {
	d, ok := parseDefault(exprText(c.Default))
	if !ok {
		return ""
	}
	_, isBool := c.Type.Type.(*schema.BoolType)
	value, isTruth := d.truth()
	switch {
	case isBool && isTruth && value:
		return "true"
	case isBool && isTruth:
		return "false"
	case d.kind == defaultNumber,
		d.kind == defaultString && isNumber(c.Type.Type) && reNumber.MatchString(d.text):
		return "number " + canonicalNumber(d.text)
	case d.kind == defaultString:
		return "string " + d.text
	case d.kind == defaultBool:
		return d.text
	case d.kind == defaultNow:
		return nowKey(d.text)
	}
	return "expression " + d.text
}

// surelyUnlike reports whether two defaults with different texts must differ, however
// the server rewrites texts: they are literals of a type that stores them exactly.
func surelyUnlike(a, b *schema.Column) bool {
	x, ok := parseDefault(exprText(a.Default))
	y, ok2 := parseDefault(exprText(b.Default))
	if !ok || !ok2 || x.kind > defaultBool || y.kind > defaultBool {
		return false
	}
	switch t := a.Type.Type.(type) {
	case *schema.StringType, *schema.BoolType:
		return true
	case *schema.IntegerType:
		return !strings.ContainsAny(x.text+y.text, ".eE")
	case *schema.DecimalType:
		return decimals(x.text) <= t.Scale && decimals(y.text) <= t.Scale && !strings.ContainsAny(x.text+y.text, "eE")
	}
	return false
}

// decimals counts the digits after a number's decimal point.
func decimals(number string) int {
	_, after, _ := strings.Cut(number, ".")
	return len(after)
}

// nowKey returns one name for all names of the current time.
func nowKey(text string) string {
	text = strings.ToLower(strings.TrimSuffix(text, "()"))
	if text == "now" {
		return "current_timestamp"
	}
	return text
}

// exprText returns the SQL of a default; it is empty if there is no default.
func exprText(x schema.Expr) string {
	switch x := x.(type) {
	case *schema.Literal:
		return x.V
	case *schema.RawExpr:
		return x.X
	}
	return ""
}
