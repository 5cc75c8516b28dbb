package held

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// Loss is something that a statement left in a session which is gone, and that
// a later statement may need.
type Loss struct {
	// Made and Needed count the two statements from 0.
	Made, Needed int
	// What names it, such as "the variable @p".
	What string
}

// Resume looks at the statements of a revision of which the first done ran in a
// session that is gone. It returns which of those have to be repeated in the
// new one, in their order: settings that depend on nothing but settings. The
// loss is nil if the rest can go on then. programs says that the database has
// triggers or routines, which may read variables.
func Resume(d *sqlscan.Dialect, statements []string, done int, programs bool) (repeat []int, loss *Loss) {
	h := holdings{vars: map[string]bool{}}
	for i, text := range statements[:done] {
		s := read(d, text)
		if h.leave(i, s) {
			repeat = append(repeat, i)
		}
	}
	for i, text := range statements[done:] {
		s := read(d, text)
		if left, ok := h.needed(s, programs); ok {
			return nil, &Loss{Made: left.made, Needed: done + i, What: left.what}
		}
		programs = programs || s.makesProgram()
	}
	return repeat, nil
}

// left is one thing that a statement left in its session.
type left struct {
	made int
	what string
	// need reports whether a statement may need it.
	need func(s statement, programs bool) bool
	// name is the object's, in lower case, "" where it has none.
	kind, name string
}

// holdings are what the session held.
type holdings struct {
	all []left
	// vars are the variables of which the value is lost.
	vars map[string]bool
}

func (h *holdings) add(l left) { h.all = append(h.all, l) }

// release forgets what a statement gave back.
func (h *holdings) release(kind, name string) {
	h.all = slices.DeleteFunc(h.all, func(l left) bool { return l.kind == kind && (name == "" || l.name == name) })
}

func (h *holdings) needed(s statement, programs bool) (left, bool) {
	for _, l := range h.all {
		if l.need(s, programs) {
			return l, true
		}
	}
	return left{}, false
}

func always(statement, bool) bool { return true }

// leave notes what a statement that is done left, and reports whether it is to
// be repeated.
func (h *holdings) leave(i int, s statement) (repeat bool) {
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

// assign notes what SET set.
func (h *holdings) assign(i int, s statement, assignments []assignment) (repeat bool) {
	repeat = true
	for _, a := range assignments {
		switch {
		case a.global || a.once:
			repeat = repeat && len(assignments) > 1
		case a.closed(h.vars):
			delete(h.vars, a.name)
			h.release("variable", a.name)
		case strings.HasPrefix(a.name, "@"):
			repeat = false
			h.variable(i, a.name)
		default:
			repeat = false
			h.add(left{made: i, what: "the setting " + a.name, need: always})
		}
	}
	h.functions(i, s)
	return repeat
}

// variable notes a user's variable whose value came from rows or functions.
func (h *holdings) variable(i int, name string) {
	h.vars[name] = true
	h.release("variable", name)
	h.add(left{made: i, what: "the variable " + name, kind: "variable", name: name, need: func(s statement, programs bool) bool {
		return s.mentionsVariable(name) || s.isOpaque() || programs && !s.isDefinition()
	}})
}

// objects notes what the statement made that is the session's own.
func (h *holdings) objects(i int, s statement) {
	named := func(kind, what, name string) {
		h.add(left{made: i, what: what, kind: kind, name: name, need: func(s statement, _ bool) bool {
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
		h.add(left{made: i, what: "a LISTEN", need: always})
	case s.first() == "LOCK" && s.at(1) != "TABLE" || s.first() == "LOCK" && s.dialect == sqlscan.MySQL:
		h.add(left{made: i, what: "LOCK TABLES", kind: "locks", need: func(s statement, _ bool) bool { return s.first() != "UNLOCK" }})
	case s.first() == "UNLOCK":
		h.release("locks", "")
	case s.first() == "CALL" || s.first() == "EXECUTE" || s.first() == "DO" && s.dialect == sqlscan.PostgreSQL && s.doesMore():
		h.add(left{made: i, what: "what " + s.first() + " may have left there", need: func(s statement, _ bool) bool { return !s.isDefinition() }})
	}
}

// functions notes what functions left: the last id, the count of rows, locks.
func (h *holdings) functions(i int, s statement) {
	if s.isDefinition() && !s.readsRows() {
		return
	}
	for name := range s.assigned() {
		h.variable(i, name)
	}
	for _, lock := range []string{"get_lock", "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock"} {
		if s.calls(lock) {
			h.add(left{made: i, what: "the lock of " + strings.ToUpper(lock) + "()", kind: "userlock", need: always})
		}
	}
	if s.calls("release_lock") || s.calls("release_all_locks") || s.calls("pg_advisory_unlock_all") || s.calls("pg_advisory_unlock") {
		h.release("userlock", "")
	}
	if s.calls("set_config") && !s.isSetConfig() {
		h.add(left{made: i, what: "a setting of set_config()", need: always})
	}
	if s.isSetting() {
		return
	}
	for _, implicit := range implicits {
		h.release("implicit", implicit)
		h.add(left{made: i, what: strings.ToUpper(implicit) + " of that statement", kind: "implicit", name: implicit, need: func(s statement, _ bool) bool {
			return s.mentions(implicit) && !s.makesProgram()
		}})
	}
}

// implicits are what engines tell about statements before.
var implicits = []string{
	"last_insert_id", "found_rows", "row_count", "identity", "insert_id", "warning_count", "error_count", "warnings", "diagnostics", // MySQL
	"lastval", "currval", // PostgreSQL
	"last_insert_rowid", "changes", "total_changes", // SQLite
}
