package autogen

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/openhands-go/server/dbmodule"
)

// longestMade is the greatest length in bytes of the names that are made here: the
// limit of the strictest engine, so that names are the same on all engines.
const longestMade = 63

// names makes the names of indexes and constraints. Some engines need them unique in a
// schema, so they are unique on all engines.
type names map[string]string

// build returns the name of an object of the table with these parts. what distinguishes
// objects with the same parts.
func (n names) build(prefix string, table tableName, parts []string, what string) string {
	identity := strings.Join(append([]string{prefix, table.String(), what}, parts...), "\x00")
	name := prefix + "_" + table.name
	for _, part := range parts {
		name += "_" + part
	}
	if what != "" {
		name += "_" + shortHash(what)
	}
	if len(name) > longestMade {
		name = hashed(name, identity)
	}
	// a_b(c) and a(b_c) lead to the same name, and so can two shortened names with the
	// same hash.
	for attempt := 0; n.isTaken(table.schema, name, identity); attempt++ {
		distinct := identity
		if attempt > 0 {
			distinct += "\x00" + strconv.Itoa(attempt)
		}
		name = hashed(name, distinct)
	}
	n[nameKey(table.schema, name)] = identity
	return name
}

func (n names) isTaken(schemaName, name, identity string) bool {
	owner, taken := n[nameKey(schemaName, name)]
	return taken && owner != identity
}

// nameKey is equal for names that are the same to SQLite and MySQL.
func nameKey(schemaName, name string) string { return schemaName + "\x00" + strings.ToLower(name) }

// chosenName is a name that a model gave, and the kind of object that it gave it to.
type chosenName struct{ kind, name string }

// The kinds of named objects.
const (
	indexKind = "index"
	checkKind = "check"
	keyKind   = "foreign key"
)

// take reserves a name that a model gave. It must be unique for its kind: in the schema
// if the engine requires that, and otherwise in its table.
func (n names) take(e engine, table tableName, chosen chosenName) error {
	wide := chosen.kind == indexKind
	if e.name() == dbmodule.MySQL {
		wide = chosen.kind == keyKind
	}
	scope := ""
	if !wide {
		scope = table.name
	}
	claim := strings.Join([]string{table.schema, chosen.kind, scope, strings.ToLower(chosen.name)}, "\x00")
	if _, taken := n[claim]; taken {
		return fmt.Errorf("name %q is used twice", chosen.name)
	}
	n[claim] = table.String()
	n[nameKey(table.schema, chosen.name)] = table.String() + "\x00" + chosen.name
	return nil
}

// hashed shortens a name between two characters and appends a hash of identity.
func hashed(name, identity string) string {
	hash := "_" + shortHash(identity)
	cut := min(len(name), longestMade-len(hash))
	for cut > 0 && cut < len(name) && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + hash
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// checkName refuses identifiers that the engine would shorten, and those with
// characters that the planner does not escape.
func checkName(e engine, name string) error {
	if length, longest, unit := e.measure(name); longest > 0 && length > longest {
		return fmt.Errorf("name %q has %d %s, and %s takes %d", name, length, unit, e.name(), longest)
	}
	if !utf8.ValidString(name) || strings.ContainsAny(name, e.identQuotes()+"\x00") {
		return fmt.Errorf("name %q has a character that names can't have", name)
	}
	return nil
}
