package autogen

import (
	"strings"

	"ariga.io/atlas/sql/schema"
)

// withoutDefaults runs fn while no column has a default. Defaults are compared
// by sameDefault: atlas's differs compare texts, ask the database for what has
// no answer there (whether two values of type json are equal, say), and end in
// an error then.
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

// sameDefault says that two columns of a type get the same value by default.
// Numbers are equal whichever way they are spelled; expressions are equal if
// their texts are.
func sameDefault(a, b *schema.Column) bool { return defaultKey(a) == defaultKey(b) }

// defaultKey is equal for equal defaults, and empty for none.
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

// surelyUnlike says that two defaults with different texts differ whatever a
// server makes of texts: two literals of a type that keeps all of them.
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

// decimals counts a number's digits after its point.
func decimals(number string) int {
	_, after, _ := strings.Cut(number, ".")
	return len(after)
}

// nowKey spells the names of the time of the transaction or statement alike.
func nowKey(text string) string {
	text = strings.ToLower(strings.TrimSuffix(text, "()"))
	if text == "now" {
		return "current_timestamp"
	}
	return text
}

// exprText is the SQL of a default as the schema has it; empty for none.
func exprText(x schema.Expr) string {
	switch x := x.(type) {
	case *schema.Literal:
		return x.V
	case *schema.RawExpr:
		return x.X
	}
	return ""
}
