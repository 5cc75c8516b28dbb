package autogen

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/uptrace/bun/dialect"
	bunschema "github.com/uptrace/bun/schema"
)

var (
	reSpaces  = regexp.MustCompile(`\s+`)
	reCharset = regexp.MustCompile(`(?i) (character set|charset) \w+`)
	reCollate = regexp.MustCompile(`(?i)^(.*) collate (?:"?pg_catalog"?\.)?("[^"]+"|[\w.-]+)$`)
	// reQuotedCollate matches a type with a collation in quotes, if the type as a whole is in no
	// quotes.
	reQuotedCollate = regexp.MustCompile(`(?i)(?:^|,)type:([^",]+(?:\([^")]*\)[^",]*)? collate (?:"pg_catalog"\.)?"[^"]+")`)
	// reMySQLCollation matches names of collations of MySQL: a character set and a rule, or binary.
	reMySQLCollation = regexp.MustCompile(`^((utf|ucs|latin|ascii|cp|koi|gb|euc|uca|big5|dec8|geostd8|greek|hebrew|hp8|keybcs2|mac|sjis|swe7|tis620|ujis|armscii8)[a-z0-9]*_[a-z0-9_]+|binary)$`)
)

// declaredType returns the type of a field, in the spelling of any engine, and the
// collation in its tag: one of MySQL, or one of PostgreSQL in quotes.
func declaredType(f *bunschema.Field) (declared, collation string, err error) {
	tag, ok := f.Tag.Option("type")
	if !ok {
		declared, err = goType(f, f.IndirectType)
		return declared, "", err
	}
	if m := reQuotedCollate.FindStringSubmatch(f.StructField.Tag.Get("bun")); m != nil {
		tag = m[1] // Bun reads only the text in the quotes
	}
	return splitCollation(tag)
}

// splitCollation splits a type from its collation.
func splitCollation(tag string) (declared, collation string, err error) {
	tag = strings.TrimSpace(reSpaces.ReplaceAllString(tag, " "))
	withCharset := tag
	tag = reCharset.ReplaceAllString(tag, "")
	if m := reCollate.FindStringSubmatch(tag); m != nil {
		tag = m[1]
		if collation, err = readCollation(m[2]); err != nil {
			return "", "", err
		}
	}
	if tag == "" {
		return "", "", errors.New("the type tag is empty")
	}
	if withCharset != tag && collation == "" {
		return "", "", errors.New("the type tag has a character set but no collation: write the collation, which implies the character set")
	}
	return tag, collation, nil
}

// readCollation returns a collation of MySQL in lower case, and one of PostgreSQL in
// its quotes.
func readCollation(text string) (string, error) {
	name := strings.ToLower(strings.Trim(text, `"`))
	switch {
	case reMySQLCollation.MatchString(name):
		return name, nil
	case strings.HasPrefix(text, `"`):
		return text, nil
	}
	return "", fmt.Errorf("collation %s is not one of MySQL's; write one of PostgreSQL's in quotes, as in collate \"C\"; a type tag can't have one of SQLite's", text)
}

// goTypes are the types for which Bun has no column type, or one that is too small.
var goTypes = map[string]string{
	"database/sql.NullInt32":          "integer",
	"database/sql.NullInt16":          "smallint",
	"database/sql.NullByte":           "smallint",
	"encoding/json.RawMessage":        "jsonb",
	"github.com/google/uuid.NullUUID": "uuid",
	"net.IP":                          "inet",
	"net.IPNet":                       "cidr",
	"net/netip.Addr":                  "inet",
	"net/netip.Prefix":                "cidr",
	"time.Time":                       "timestamptz",
	"database/sql.NullTime":           "timestamptz",
}

// goType returns the column type for a field without a type tag. t is the type of its values.
func goType(f *bunschema.Field, t reflect.Type) (string, error) {
	if f.Tag.HasOption("msgpack") {
		return "blob", nil
	}
	for _, option := range []string{"array", "hstore", "composite"} {
		if f.Tag.HasOption(option) && f.DiscoveredSQLType != "" && isPostgres(f) {
			return f.DiscoveredSQLType, nil
		}
	}
	if known, ok := goTypes[t.PkgPath()+"."+t.Name()]; ok {
		return known, nil
	}
	if t.PkgPath() == "database/sql" && strings.HasPrefix(t.Name(), "Null[") {
		value, _ := t.FieldByName("V")
		return goType(f, value.Type)
	}
	switch t.Kind() {
	case reflect.Uint16:
		return "integer", nil
	case reflect.Uint32:
		return "bigint", nil
	case reflect.Array:
		return arrayType(t), nil
	case reflect.Slice, reflect.Map, reflect.Struct:
		// What a Valuer stores is unknown here, so Bun's guess is used. Its author should
		// write a type tag.
		if bunschema.DiscoverSQLType(t) == "VARCHAR" && !isValuer(t) {
			return "jsonb", nil
		}
	}
	if discovered := bunschema.DiscoverSQLType(t); discovered != "" {
		if discovered == "TIMESTAMP" {
			return "timestamptz", nil
		}
		return discovered, nil
	}
	return "", fmt.Errorf("no column type for Go's %s: give the field a type tag", t)
}

func arrayType(t reflect.Type) string {
	switch bytes := t.Elem().Kind() == reflect.Uint8; {
	case bytes && t.Len() == 16 && t.Name() == "UUID":
		return "uuid"
	case bytes && t.Len() <= 255:
		return "binary(" + strconv.Itoa(t.Len()) + ")"
	case bytes:
		return "blob"
	default:
		return "jsonb"
	}
}

func isPostgres(f *bunschema.Field) bool {
	return f.Table.Dialect().Name() == dialect.PG
}

func isValuer(t reflect.Type) bool {
	valuer := reflect.TypeFor[driver.Valuer]()
	return t.Implements(valuer) || reflect.PointerTo(t).Implements(valuer)
}

// typeName is a type in parts, to look it up in a table of aliases.
type typeName struct {
	// base is in lower case and without arguments: "timestamp with time zone".
	base string
	// args are the arguments with their parentheses, or empty.
	args string
	// array is true if the type ended in brackets.
	array bool
}

// spelled returns the type as one text: decimal(10,2) unsigned.
func (n typeName) spelled() string {
	head, rest, ok := strings.Cut(n.base, " ")
	if !ok {
		return n.base + n.args
	}
	return head + n.args + " " + rest
}

// splitType splits a type: timestamp(3) with time zone has the base
// "timestamp with time zone" and the arguments "(3)".
func splitType(declared string) typeName {
	var n typeName
	head := declared
	if open := strings.IndexByte(declared, '['); open > 0 && strings.HasSuffix(declared, "]") {
		n.array = true
		head = declared[:open]
	}
	open, end := strings.IndexByte(head, '('), strings.LastIndexByte(head, ')')
	if open >= 0 && end > open {
		n.args = head[open : end+1]
		head = strings.TrimSpace(head[:open]) + " " + strings.TrimSpace(head[end+1:])
	}
	n.base = strings.ToLower(strings.TrimSpace(head))
	return n
}
