package autogen

import (
	"regexp"
	"strconv"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// rePlainText matches texts that atlas's language gives back as they were
// written, whichever type their column has.
var rePlainText = regexp.MustCompile(`^'[\pL\pN _.,:;/@#+*=-]*'$`)

// writeDefault prepares a default for atlas, which writes numbers as floats or
// not at all, and text with what it takes for escapes. Whole numbers, truth
// values and plain text stay what atlas has words for; the SQL of all others
// is written as it is: sql("0.00").
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

// noTemplate keeps what stands in an expression from being read as a template
// of atlas's language. atlas does so for text, and forgets it for expressions.
var noTemplate = strings.NewReplacer("${", "$${", "%{", "%%{")

// readDefault makes the default of a snapshot the one that [Realm] makes, and
// reads what atlas wrote in snapshots that are older than writeDefault.
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
