package modelcode

import (
	"go/token"
	"strconv"
	"strings"
	"unicode"

	"ariga.io/atlas/sql/schema"
	"github.com/jinzhu/inflection"
)

// names makes names in Go from names in a database.
type names struct{ models map[string]bool }

// newNames reserves the names that the generated file declares itself.
func newNames() names { return names{models: map[string]bool{"Models": true}} }

// model returns the name of a table's model, in the singular.
func (n names) model(table string) string {
	words := split(table)
	if len(words) > 0 {
		last := len(words) - 1
		words[last] = inflection.Singular(words[last])
	}
	return free(n.models, join(words))
}

// reserved are names that a model's struct can't use for a field.
var reserved = []string{"BaseModel", "Indexes", "Checks", "TableComment", "ColumnComments", "ForeignKeyNames", "ColumnTypes", "Unmanaged"}

// field returns the name of a column's field.
func (n names) field(taken map[string]bool, column string) string {
	for _, name := range reserved {
		taken[name] = true
	}
	return free(taken, join(split(column)))
}

// relation returns the name of a relation: the key's column without its suffix, such as
// Author for author_id.
func (n names) relation(taken map[string]bool, key *schema.ForeignKey, parent string) string {
	name := parent
	if len(key.Columns) == 1 {
		words := split(key.Columns[0].Name)
		if len(words) > 1 && len(key.RefColumns) == 1 {
			end := strings.ToLower(words[len(words)-1])
			if end == "id" || end == strings.ToLower(key.RefColumns[0].Name) {
				name = join(words[:len(words)-1])
			}
		}
	}
	if taken[name] {
		name += "Row"
	}
	return free(taken, name)
}

// free returns the name, or the name with a number if it is taken, and adds the result to taken.
func free(taken map[string]bool, name string) string {
	result := name
	for i := 2; taken[result] || token.IsKeyword(result); i++ {
		result = name + strconv.Itoa(i)
	}
	taken[result] = true
	return result
}

// split splits a database's name at underscores, at capitals, and at characters that
// names in Go can't have.
func split(name string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words = append(words, string(word))
		}
		word = nil
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && unicode.IsLower(runes[i-1]):
			flush()
		}
		word = append(word, r)
	}
	flush()
	return words
}

// initialisms are words that Go writes in capitals.
var initialisms = map[string]bool{
	"api": true, "cpu": true, "csv": true, "db": true, "dns": true, "html": true, "http": true, "https": true, "id": true, "ip": true,
	"json": true, "sha": true, "sql": true, "ssh": true, "tls": true, "ttl": true, "ui": true, "uri": true, "url": true, "uuid": true, "xml": true,
}

// join makes an exported Go name of words.
func join(words []string) string {
	var b strings.Builder
	for _, word := range words {
		lower := strings.ToLower(word)
		if initialisms[lower] {
			b.WriteString(strings.ToUpper(word))
			continue
		}
		runes := []rune(lower)
		b.WriteString(string(unicode.ToUpper(runes[0])) + string(runes[1:]))
	}
	name := b.String()
	if first := []rune(name); len(first) == 0 || !unicode.IsUpper(first[0]) {
		return "X" + name
	}
	return name
}
