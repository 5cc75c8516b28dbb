package autogen

import (
	"regexp"
	"strconv"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// rePlainText matches texts that atlas writes and reads unchanged, whatever type their
// column has.
var rePlainText = regexp.MustCompile(`^'[\pL\pN _.,:;/@#+*=-]*'$`)

// writeDefault prepares a default for atlas, which can't write all numbers and texts
// exactly. Whole numbers, truth values and plain texts stay literals; all others are
// written as SQL: sql("0.00").
func writeDefault(c *schema.Column) {
	if literal, ok := c.Default.(*schema.Literal); ok {
		_, err := strconv.ParseInt(literal.V, 10, 64)
		switch {
		case literal.V == "true" || literal.V == "false":
			return
		case err == nil && canonicalNumber(literal.V) == literal.V:
			return
		case rePlainText.MatchString(literal.V):
			return
		}
	}
	if c.Default != nil {
		c.Default = &schema.RawExpr{X: noTemplate.Replace(exprText(c.Default))}
	}
}

// noTemplate escapes template markers of atlas's language in an expression. atlas
// escapes them in texts, but not in expressions.
var noTemplate = strings.NewReplacer("${", "$${", "%{", "%%{")

// readDefault turns a default of a snapshot into the form of [Realm]. It also reads
// snapshots from before writeDefault existed.
func readDefault(e engine, c *schema.Column) {
	switch x := c.Default.(type) {
	case *schema.Literal:
		d, _ := parseDefault(x.V)
		_, isBool := c.Type.Type.(*schema.BoolType)
		_, isTruth := d.truth()
		switch {
		case reString.MatchString(x.V):
		case isBool && isTruth:
		case isNumber(c.Type.Type) && d.kind == defaultNumber:
		default:
			c.Default = &schema.Literal{V: quote(x.V)}
		}
	case *schema.RawExpr:
		d, ok := parseDefault(x.X)
		isWrapped := wrap(x.X) == x.X
		switch {
		case !ok:
			c.Default = nil
		case d.kind <= defaultBool && !isWrapped:
			c.Default = &schema.Literal{V: x.X}
		case d.kind == defaultExpression:
			c.Default = e.defaultOf(c.Type.Type, d)
		}
	}
}
