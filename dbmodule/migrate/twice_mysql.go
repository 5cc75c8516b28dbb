package migrate

import (
	"maps"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// A process can die while the server runs an ALTER TABLE, which the server then completes. The
// next run can't know that, and runs the statement again. Usually the server refuses it, because
// the column or the index exists already. Some statements it would run a second time.

// canRunTwice reports whether the server would run a statement a second time, with another result:
// it adds an index or a constraint without a name, or it swaps names.
func canRunTwice(text string) bool {
	tokens := sqlscan.MySQL.Tokens(text)
	at := slices.IndexFunc(tokens[:min(len(tokens), 4)], func(t sqlscan.Token) bool { return t.Is("TABLE", "TABLES") })
	switch {
	case at < 1:
		return false
	case tokens[0].Is("RENAME"):
		return swapsTables(tokens[at+1:])
	case tokens[0].Is("ALTER"):
		return alterRunsTwice(tokens[at+1:])
	}
	return false
}

// swapsTables reports whether the server would run the clauses of RENAME TABLE a second time.
func swapsTables(tokens []sqlscan.Token) bool {
	there := map[string]bool{}
	var pairs [][2]string
	for _, clause := range sqlscan.Clauses(tokens) {
		to := slices.IndexFunc(clause, func(t sqlscan.Token) bool { return t.Is("TO") })
		if to < 1 || to == len(clause)-1 {
			return false
		}
		pairs = append(pairs, [2]string{folded(clause[to-1]), folded(clause[len(clause)-1])})
	}
	made := map[string]bool{}
	for _, pair := range pairs {
		there[pair[0]] = there[pair[0]] || !made[pair[0]]
		made[pair[1]] = true
	}
	for range 2 {
		for _, pair := range pairs {
			if !there[pair[0]] || there[pair[1]] {
				return false
			}
			there[pair[0]], there[pair[1]] = false, true
		}
	}
	return true
}

// alterRunsTwice reports whether the server would run an ALTER TABLE a second time, with another
// result. tokens begin with the table's name.
func alterRunsTwice(tokens []sqlscan.Token) bool {
	from, to := map[string]bool{}, map[string]bool{}
	for i, clause := range sqlscan.Clauses(tokens) {
		if begins := slices.IndexFunc(clause, func(t sqlscan.Token) bool { return t.Is("ADD", "CHANGE", "RENAME", "EXCHANGE") }); i == 0 && begins > 0 {
			clause = clause[begins:]
		}
		if len(clause) < 2 {
			continue
		}
		rest := clause[1:]
		for len(rest) > 0 && rest[0].Is("COLUMN", "IF", "EXISTS") {
			rest = rest[1:]
		}
		switch {
		case clause[0].Is("ADD") && isUnnamed(clause[1:]):
			return true
		case clause[0].Is("CHANGE") && len(rest) > 1 && folded(rest[0]) != folded(rest[1]):
			from[folded(rest[0])], to[folded(rest[1])] = true, true
		case clause[0].Is("RENAME") && clause[1].Is("COLUMN") && len(rest) > 2:
			from[folded(rest[0])], to[folded(rest[2])] = true, true
		}
	}
	return len(from) > 0 && maps.Equal(from, to)
}

// isUnnamed reports whether the tokens after ADD are an index or a constraint without a name.
func isUnnamed(tokens []sqlscan.Token) bool {
	if len(tokens) > 0 && tokens[0].Is("CONSTRAINT") {
		tokens = tokens[1:]
	}
	if len(tokens) == 0 || !tokens[0].Is("INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK") {
		return false
	}
	for i, token := range tokens {
		switch {
		case token.Is("("):
			return true
		case token.Is("INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "IF", "NOT", "EXISTS", "USING"), i > 0 && tokens[i-1].Is("USING"):
		default:
			return false
		}
	}
	return false
}

// folded returns a name without its quotes, in lower case.
func folded(token sqlscan.Token) string { return strings.ToLower(token.Unquoted()) }
