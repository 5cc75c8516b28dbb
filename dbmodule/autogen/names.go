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

// longestMade is the length in bytes that names made here keep to: that of
// the strictest engine, so that they are the same on all.
const longestMade = 63

// names makes the names of indexes and constraints. On one engine or another
// they are unique in a schema, so they are on all.
type names map[string]string

// build returns the name of what belongs to the table and parts; what tells
// apart two things with the same parts.
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
	// a_b(c) and a(b_c) meet here, and so can two names that were cut and have
	// the same hash.
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

// nameKey is equal for names that SQLite and MySQL take for the same.
func nameKey(schemaName, name string) string { return schemaName + "\x00" + strings.ToLower(name) }

// chosenName is a name that a model gave, and to what.
type chosenName struct{ kind, name string }

// The kinds of things that have names.
const (
	indexKind = "index"
	checkKind = "check"
	keyKind   = "foreign key"
)

// take claims a name that a model gave. It must be the only one of its kind in
// the schema where the engine wants that, and else in its table.
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

// hashed cuts a name, at a whole character, so that a hash of identity fits.
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

// checkName refuses identifiers that the engine would cut or that the planner,
// which doesn't escape them, would break.
func checkName(e engine, name string) error {
	if length, longest, unit := e.measure(name); longest > 0 && length > longest {
		return fmt.Errorf("name %q has %d %s, and %s takes %d", name, length, unit, e.name(), longest)
	}
	if !utf8.ValidString(name) || strings.ContainsAny(name, e.identQuotes()+"\x00") {
		return fmt.Errorf("name %q has a character that names can't have", name)
	}
	return nil
}
