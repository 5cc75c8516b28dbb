package migrate

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// StatementError is a statement of a revision that failed. errors.Is and
// errors.As reach the database's error behind it.
type StatementError struct {
	Revision  *Revision
	Direction graph.Direction
	// File and Line say where the statement stands; File is "" for Go code.
	File string
	Line int
	// Statement is its text.
	Statement string
	// Index counts it from 1 to Total. Of a backfill it counts the pieces, whose
	// Total nobody knows: it is 0.
	Index, Total int
	// Kept says that the statements before it stay done, as on MySQL. If it is
	// false, nothing of the revision is stored.
	Kept bool
	// Hint is one more thing that may help, or "".
	Hint string

	cause error
}

// Error says what failed, where, what is left of the revision, and what to do.
func (e *StatementError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "migrate: %s revision %s (%s): ", e.Direction, e.Revision.ID, e.Revision.Message)
	if e.Statement == "" {
		b.WriteString("its code")
		if e.Index > 0 {
			fmt.Fprintf(&b, ", piece %d of its backfill", e.Index)
		}
		b.WriteString(": ")
	} else {
		if e.File != "" {
			fmt.Fprintf(&b, "%s line %d, ", e.File, e.Line)
		}
		fmt.Fprintf(&b, "statement %d of %d, %s: ", e.Index, e.Total, firstWords(e.Statement))
	}
	b.WriteString(strings.TrimPrefix(e.cause.Error(), "dbmodule: ") + serverAdvice(e.cause))
	switch {
	case e.Statement == "" && e.Index > 0:
		fmt.Fprintf(&b, "; this piece was undone, the %d before it stay done and recorded: mend it and run %s again to go on with it", e.Index-1, e.Direction)
	case e.Kept && e.Statement == "":
		fmt.Fprintf(&b, "; DDL that it ran stays: it must bear running again from its start, by %s", e.Direction)
	case e.Kept && e.Index > 1:
		fmt.Fprintf(&b, "; statements 1 to %d stay done and recorded: mend this one and run %s again to go on with it", e.Index-1, e.Direction)
	case e.Kept:
		fmt.Fprintf(&b, "; no statement before it was run: mend it and run %s again", e.Direction)
	default:
		b.WriteString("; nothing of the revision is left in the database")
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// reason is why, without where.
func (e *StatementError) reason() string {
	reason := strings.TrimPrefix(e.cause.Error(), "dbmodule: ")
	if e.Statement == "" {
		return reason
	}
	return fmt.Sprintf("statement %d of %d: %s", e.Index, e.Total, reason)
}

// keyValues matches the values in a detail such as "Key (a)=(1) is duplicated."
var keyValues = regexp.MustCompile(`=\(.*\)`)

// serverAdvice is what PostgreSQL says besides its message, without values of
// rows: details of constraints and of data quote them, and what a function
// raises may.
func serverAdvice(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) < 2 || pg.Code[:2] == "P0" {
		return ""
	}
	detail := pg.Detail
	switch pg.Code[:2] {
	case "22":
		detail = ""
	case "23":
		if detail = keyValues.ReplaceAllString(detail, "=(…)"); !strings.HasPrefix(detail, "Key (") {
			detail = ""
		}
	}
	text := ""
	if detail != "" {
		text += "; DETAIL: " + strings.ReplaceAll(detail, "\n", ", ")
	}
	if pg.Hint != "" {
		text += "; HINT: " + strings.ReplaceAll(pg.Hint, "\n", " ")
	}
	return text
}

// Unwrap returns the database's error.
func (e *StatementError) Unwrap() error { return e.cause }

// firstWords shows the beginning of a statement on one line.
func firstWords(statement string) string {
	const most = 60
	text := strings.Join(strings.Fields(statement), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// EditedError says that somebody edited a statement that a half-done revision had
// already completed, so that the revision can't simply resume.
type EditedError struct {
	Revision  *Revision
	Direction graph.Direction
	File      string
	// Index counts the statement from 1; it is one of those up to Last, if that
	// is not 0. Done of them are complete.
	Index, Last, Done int
}

// Error names the statement and the ways out.
func (e *EditedError) Error() string {
	which := fmt.Sprintf("statement %d", e.Index)
	if e.Last > e.Index {
		which = fmt.Sprintf("one of the statements %d to %d", e.Index, e.Last)
	}
	return fmt.Sprintf("migrate: %s revision %s: %s: %s was changed after it had been run on this database "+
		"(%d statements are done): put it back as it was and change only what comes after, "+
		"or undo by hand what was done and stamp the revision before, or complete it by hand and stamp %s",
		e.Direction, e.Revision.ID, e.File, which, e.Done, e.Revision.ID)
}

// LostSessionError says that a half-done revision can't resume: a completed
// statement left something in its session, that session is gone, and one of the
// remaining statements may need it.
type LostSessionError struct {
	Revision  *Revision
	Direction graph.Direction
	File      string
	// What was left, such as "the variable @p".
	What string
	// Made and Needed count the two statements from 1; Maker and Needs are their
	// texts. Done statements are complete.
	Made, Needed, Done int
	Maker, Needs       string
}

// Error names the statements and the ways out.
func (e *LostSessionError) Error() string {
	return fmt.Sprintf("migrate: %s revision %s: %s: it stopped after %d statements, and the session that it ran in is gone: "+
		"statement %d, %s, left %s there, and statement %d, %s, may need it: "+
		"undo by hand what the %d statements did, stamp the revision before, and run %s again; or complete it by hand and stamp %s. "+
		"A revision that needs nothing but what tables hold, such as (SELECT max(id) FROM …), can be resumed",
		e.Direction, e.Revision.ID, e.File, e.Done, e.Made, firstWords(e.Maker), e.What, e.Needed, firstWords(e.Needs), e.Done, e.Direction, e.Revision.ID)
}

// DirtyError says that a revision has started and is not complete, and that
// the requested operation would not complete it.
type DirtyError struct {
	// Entries are the history entries in question.
	Entries []*Entry
}

// Error names the revisions and the ways out.
func (e *DirtyError) Error() string {
	var parts []string
	for _, entry := range e.Entries {
		parts = append(parts, fmt.Sprintf("%s of revision %s (%d of %d statements done)", entry.Direction, entry.Revision, entry.StatementsDone, entry.StatementsTotal))
	}
	return fmt.Sprintf("migrate: not complete: %s: complete it first by running the same again, or settle by hand what it did and stamp where the schema stands",
		strings.Join(parts, ", "))
}

// IrreversibleError says that a revision has no downgrade.
type IrreversibleError struct {
	Revision *Revision
	// Foreign says that only the database's history knows the revision.
	Foreign bool
}

// Error names the revision and the way out.
func (e *IrreversibleError) Error() string {
	if e.Foreign {
		return fmt.Sprintf("migrate: revision %s (%s) can't be taken back by this build, which lacks it, and the database keeps no SQL for that: use the build that has it",
			e.Revision.ID, e.Revision.Message)
	}
	return fmt.Sprintf("migrate: revision %s (%s) can't be taken back: %s has no section %q: add one, empty if there is nothing to do",
		e.Revision.ID, e.Revision.Message, e.Revision.Folder, directivePrefix+markDowngrade)
}

// isDefinite tells that the server itself refused a statement, so that nothing
// of it is in doubt.
func isDefinite(err error) bool {
	return codeOf(err) != "" && !errors.Is(err, dbmodule.ErrUnavailable)
}

// codeOf returns the server's own code of an error: a SQLSTATE on PostgreSQL,
// a number on MySQL; "" for what no such server said.
func codeOf(err error) string {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	switch {
	case errors.As(err, &pg):
		return pg.Code
	case errors.As(err, &my):
		return strconv.Itoa(int(my.Number))
	}
	return ""
}
