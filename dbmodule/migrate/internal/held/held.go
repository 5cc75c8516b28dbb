package held

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// Loss is something that a statement left in a session which has ended, and that a
// later statement may need.
type Loss struct {
	// Made is the index of the statement that left it, and Needed the index of the
	// statement that may need it.
	Made, Needed int
	// What names it, such as "the variable @p".
	What string
}

// Resume reads the statements of a revision. The first of them, as many as done says,
// ran in a session that has ended. Resume returns the indexes of those that have to
// run again in the new session, because they set something that can be set again to
// the same value. If the other statements may need anything else of the old session,
// Resume returns a loss. programs says that the database has triggers or routines,
// which may read variables.
func Resume(d *sqlscan.Dialect, statements []string, done int, programs bool) (repeat []int, loss *Loss) {
	h := sessionState{lostVars: map[string]bool{}}
	for i, text := range statements[:done] {
		s := parse(d, text)
		if h.apply(i, s) {
			repeat = append(repeat, i)
		}
	}
	for i, text := range statements[done:] {
		s := parse(d, text)
		if leftover, ok := h.needed(s, programs); ok {
			return nil, &Loss{Made: leftover.index, Needed: done + i, What: leftover.what}
		}
		programs = programs || s.makesProgram()
	}
	return repeat, nil
}

// leftover is one thing that a statement left in its session.
type leftover struct {
	index int // the index of the statement
	what  string
	// need reports whether a statement may need the thing.
	need func(s statement, programs bool) bool
	// kind and name tell which later statements remove or replace the thing. name is in lower
	// case, "" if it has none.
	kind, name string
}

// sessionState is the things that the statements so far left in the session.
type sessionState struct {
	all []leftover
	// lostVars are the variables whose value can't be set again.
	lostVars map[string]bool
}

func (h *sessionState) add(l leftover) { h.all = append(h.all, l) }

// release removes the things of a kind that a statement removed from the session. A name
// restricts it to the things with this name.
func (h *sessionState) release(kind, name string) {
	h.all = slices.DeleteFunc(h.all, func(l leftover) bool { return l.kind == kind && (name == "" || l.name == name) })
}

// needed returns the first thing that the statement may need.
func (h *sessionState) needed(s statement, programs bool) (leftover, bool) {
	for _, l := range h.all {
		if l.need(s, programs) {
			return l, true
		}
	}
	return leftover{}, false
}

func always(statement, bool) bool { return true }

// apply records what the i-th statement left in the session. It reports whether the
// statement is to run again in a new session.
func (h *sessionState) apply(i int, s statement) (repeat bool) {
	if assignments, ok := s.assignments(); ok {
		return h.assign(i, s, assignments)
	}
	switch s.first() {
	case "USE", "PRAGMA", "ATTACH", "DETACH":
		return true
	case "RESET":
		return true
	case "DISCARD":
		h.all = nil
		return true
	}
	h.objects(i, s)
	h.functions(i, s)
	return s.isSetConfig()
}

// assign records what a SET left. It reports whether the SET is to run again in a new session.
func (h *sessionState) assign(i int, s statement, assignments []assignment) (repeat bool) {
	repeat = true
	for _, a := range assignments {
		switch {
		case a.global || a.once:
			repeat = repeat && len(assignments) > 1
		case a.isRepeatable(h.lostVars):
			delete(h.lostVars, a.name)
			h.release("variable", a.name)
		case strings.HasPrefix(a.name, "@"):
			repeat = false
			h.variable(i, a.name)
		default:
			repeat = false
			h.add(leftover{index: i, what: "the setting " + a.name, need: always})
		}
	}
	h.functions(i, s)
	return repeat
}

// variable records a user variable whose value can't be set again, because it came from rows or
// functions.
func (h *sessionState) variable(i int, name string) {
	h.lostVars[name] = true
	h.release("variable", name)
	h.add(leftover{index: i, what: "the variable " + name, kind: "variable", name: name, need: func(s statement, programs bool) bool {
		return s.mentionsVariable(name) || s.isOpaque() || programs && !s.isDefinition()
	}})
}

// objects records the objects of the session that the statement created: temporary tables, prepared
// statements, cursors and the like.
func (h *sessionState) objects(i int, s statement) {
	named := func(kind, what, name string) {
		h.add(leftover{index: i, what: what, kind: kind, name: name, need: func(s statement, _ bool) bool {
			return s.mentions(name) || s.isOpaque()
		}})
	}
	switch {
	case s.makesTemporary() != "":
		name := s.makesTemporary()
		named("temporary", "the temporary table "+name, name)
	case s.first() == "DROP":
		for _, word := range s.words {
			h.release("temporary", word)
		}
	case s.first() == "PREPARE" && len(s.words) > 1:
		named("prepared", "the prepared statement "+s.words[1], s.words[1])
	case s.first() == "DEALLOCATE":
		h.release("prepared", s.words[len(s.words)-1])
	case s.first() == "DECLARE" && len(s.words) > 1:
		named("cursor", "the cursor "+s.words[1], s.words[1])
	case s.first() == "HANDLER":
		named("handler", "an open HANDLER", "handler")
	case s.first() == "LISTEN":
		h.add(leftover{index: i, what: "a LISTEN", need: always})
	case s.first() == "LOCK" && s.at(1) != "TABLE" || s.first() == "LOCK" && s.dialect == sqlscan.MySQL:
		h.add(leftover{index: i, what: "LOCK TABLES", kind: "locks", need: func(s statement, _ bool) bool { return s.first() != "UNLOCK" }})
	case s.first() == "UNLOCK":
		h.release("locks", "")
	case s.first() == "CALL" || s.first() == "EXECUTE" || s.first() == "DO" && s.dialect == sqlscan.PostgreSQL && s.changesSession():
		h.add(leftover{index: i, what: "what " + s.first() + " may have left there", need: func(s statement, _ bool) bool { return !s.isDefinition() }})
	}
}

// functions records what functions left in the session, such as variables and locks, and the
// results of the statement that functions like LAST_INSERT_ID() return later.
func (h *sessionState) functions(i int, s statement) {
	if s.isDefinition() && !s.readsRows() {
		return
	}
	for name := range s.assignedVariables() {
		h.variable(i, name)
	}
	for _, lock := range []string{"get_lock", "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock"} {
		if s.calls(lock) {
			h.add(leftover{index: i, what: "the lock of " + strings.ToUpper(lock) + "()", kind: "userlock", need: always})
		}
	}
	if s.calls("release_lock") || s.calls("release_all_locks") || s.calls("pg_advisory_unlock_all") || s.calls("pg_advisory_unlock") {
		h.release("userlock", "")
	}
	if s.calls("set_config") && !s.isSetConfig() {
		h.add(leftover{index: i, what: "a setting of set_config()", need: always})
	}
	if s.isSetting() {
		return
	}
	for _, implicit := range statementResults {
		h.release("implicit", implicit)
		h.add(leftover{index: i, what: strings.ToUpper(implicit) + " of that statement", kind: "implicit", name: implicit, need: func(s statement, _ bool) bool {
			return s.mentions(implicit) && !s.makesProgram()
		}})
	}
}

// statementResults are functions and variables that return results of an earlier statement.
var statementResults = []string{
	"last_insert_id", "found_rows", "row_count", "identity", "insert_id", "warning_count", "error_count", "warnings", "diagnostics", // MySQL
	"lastval", "currval", // PostgreSQL
	"last_insert_rowid", "changes", "total_changes", // SQLite
}
