package held

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// statement is a statement split into tokens.
type statement struct {
	dialect *sqlscan.Dialect
	tokens  []sqlscan.Token
	// words are its words and quoted names, in lower case and without quotes.
	words []string
}

func parse(d *sqlscan.Dialect, text string) statement {
	s := statement{dialect: d, tokens: d.Tokens(text)}
	for _, t := range s.tokens {
		if t.Kind == sqlscan.Word || t.Kind == sqlscan.Name {
			s.words = append(s.words, plain(t))
		}
	}
	return s
}

// plain returns a token's text without quotes, in lower case.
func plain(t sqlscan.Token) string {
	text := t.Text
	if t.Kind != sqlscan.Word && len(text) > 1 {
		text = text[1 : len(text)-1]
	}
	return strings.ToLower(text)
}

// first returns the first word, in upper case.
func (s statement) first() string { return s.at(0) }

// at returns the i-th word, in upper case; "" if there is none.
func (s statement) at(i int) string {
	if i >= len(s.words) {
		return ""
	}
	return strings.ToUpper(s.words[i])
}

func (s statement) mentions(name string) bool { return slices.Contains(s.words, name) }

// calls reports whether the statement calls the function.
func (s statement) calls(function string) bool {
	for i, t := range s.tokens[:max(len(s.tokens)-1, 0)] {
		if plain(t) == function && s.tokens[i+1].Is("(") {
			return true
		}
	}
	return false
}

// isOpaque reports whether the statement runs SQL that its text does not show.
func (s statement) isOpaque() bool {
	return s.first() == "CALL" || s.first() == "EXECUTE" || s.first() == "DO" && s.dialect == sqlscan.PostgreSQL
}

// isDefinition reports whether the statement is DDL without rows of a query, or changes settings.
// Such statements read no variables through triggers and routines.
func (s statement) isDefinition() bool {
	switch s.first() {
	case "CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "COMMENT", "GRANT", "REVOKE", "ANALYZE", "VACUUM", "OPTIMIZE", "REINDEX":
		return !s.readsRows()
	}
	return s.isSetting()
}

// isSetting reports whether the statement only changes the session.
func (s statement) isSetting() bool {
	switch s.first() {
	case "SET", "USE", "RESET", "PRAGMA", "ATTACH", "DETACH", "UNLOCK", "LOCK":
		return true
	}
	return false
}

// readsRows reports whether the statement fills the table that it creates from a query.
func (s statement) readsRows() bool {
	return s.first() == "CREATE" && s.mentions("select") && !s.makesProgram() && !s.mentions("view")
}

// makesProgram reports whether the statement creates a routine, trigger, event or rule, whose body
// runs later.
func (s statement) makesProgram() bool {
	if s.first() != "CREATE" && s.first() != "ALTER" {
		return false
	}
	for _, word := range s.words[1:min(len(s.words), 10)] {
		if slices.Contains([]string{"trigger", "function", "procedure", "event", "package", "rule"}, word) {
			return true
		}
	}
	return false
}

// makesTemporary returns the name of the temporary table, view or trigger that the statement
// creates, or "".
func (s statement) makesTemporary() string {
	at := slices.IndexFunc(s.words[:min(len(s.words), 5)], func(word string) bool { return word == "temp" || word == "temporary" })
	if s.first() != "CREATE" && s.first() != "SELECT" && s.first() != "WITH" || at < 1 {
		return ""
	}
	for _, word := range s.words[at+1:] {
		if !slices.Contains([]string{"table", "view", "trigger", "sequence", "if", "not", "exists", "recursive"}, word) {
			return word
		}
	}
	return ""
}

// changesSession reports whether the body of PostgreSQL's DO may leave something in the session.
func (s statement) changesSession() bool {
	for _, t := range s.tokens {
		if t.Kind != sqlscan.String {
			continue
		}
		var last sqlscan.Token
		for _, word := range s.dialect.Tokens(strings.Trim(t.Text, "$'")) {
			begins := last == sqlscan.Token{} || last.Is(";") || last.Is("BEGIN", "THEN", "ELSE", "LOOP")
			if word.Is("SET") && begins || word.Is("TEMP", "TEMPORARY", "PREPARE", "LISTEN", "EXECUTE", "CALL", "PERFORM") ||
				strings.Contains(plain(word), "set_config") || strings.Contains(plain(word), "advisory") {
				return true
			}
			last = word
		}
	}
	return false
}

// isSetConfig reports whether the statement only calls set_config with literals, as at the beginning
// of PostgreSQL's dumps.
func (s statement) isSetConfig() bool {
	if s.first() != "SELECT" || !s.calls("set_config") {
		return false
	}
	for _, word := range s.words {
		if !slices.Contains([]string{"select", "pg_catalog", "set_config", "true", "false"}, word) {
			return false
		}
	}
	return true
}

// variables returns the user variables ("@name", but not "@@name") by the index of their token.
func (s statement) variables() map[int]string {
	if s.dialect != sqlscan.MySQL {
		return nil
	}
	found := map[int]string{}
	for i := 1; i < len(s.tokens); i++ {
		if s.tokens[i-1].Is("@") && (i < 2 || !s.tokens[i-2].Is("@")) && s.tokens[i].Kind != sqlscan.Symbol {
			found[i] = "@" + plain(s.tokens[i])
		}
	}
	return found
}

func (s statement) mentionsVariable(name string) bool {
	for _, variable := range s.variables() {
		if variable == name {
			return true
		}
	}
	return false
}

// assignedVariables returns the variables to which a statement assigns a value by := or INTO.
func (s statement) assignedVariables() map[string]bool {
	names := map[string]bool{}
	into := false
	variables := s.variables()
	for i, t := range s.tokens {
		into = into && !t.Is("FROM", "WHERE", "LIMIT") || t.Is("INTO")
		name, ok := variables[i]
		if !ok {
			continue
		}
		assigns := i+2 < len(s.tokens) && s.tokens[i+1].Is(":") && s.tokens[i+2].Is("=")
		if into || assigns {
			names[name] = true
		}
	}
	return names
}
