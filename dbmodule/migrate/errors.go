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

// StatementError says that a statement of a revision, its Go code or a piece of its
// backfill failed. It wraps the database's error.
type StatementError struct {
	Revision  *Revision
	Direction graph.Direction
	// File and Line say where the statement is; File is "" for Go code.
	File string
	Line int
	// Statement is the statement's text, "" for Go code.
	Statement string
	// Index is the statement's number, from 1 to Total. For a backfill it is the
	// piece's number, and Total is 0.
	Index, Total int
	// Kept says that the statements before this one stay done, as on MySQL. If it is
	// false, nothing of the revision is stored.
	Kept bool
	// Hint is advice for a known cause of the error, or "".
	Hint string

	cause error
}

// Error says what failed and where, what of the revision is stored, and what to do.
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

// reason returns the database's error and the statement's number, without the revision.
func (e *StatementError) reason() string {
	reason := strings.TrimPrefix(e.cause.Error(), "dbmodule: ")
	if e.Statement == "" {
		return reason
	}
	return fmt.Sprintf("statement %d of %d: %s", e.Index, e.Total, reason)
}

// keyValues matches the values in a detail such as "Key (a)=(1) is duplicated."
var keyValues = regexp.MustCompile(`=\(.*\)`)

// serverAdvice returns the DETAIL and HINT of an error of PostgreSQL. It leaves out values of
// rows: details about constraints and about data quote them, and errors that a function raises may.
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

// firstWords returns the beginning of a statement, on one line.
func firstWords(statement string) string {
	const most = 60
	text := strings.Join(strings.Fields(statement), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// EditedError says that a revision is not complete and can't resume, because somebody
// edited a statement that is done.
type EditedError struct {
	Revision  *Revision
	Direction graph.Direction
	File      string
	// Index is the number of the edited statement, from 1. If Last is greater than
	// Index, the edited statement is one of those from Index to Last. Done is how many
	// statements are done.
	Index, Last, Done int
}

// Error names the statement, and says what to do.
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

// LostSessionError says that a revision is not complete and can't resume: one of its
// statements created something in its session, the session has ended, and one of the
// remaining statements may need it.
type LostSessionError struct {
	Revision  *Revision
	Direction graph.Direction
	File      string
	// What names the thing in the session, such as "the variable @p".
	What string
	// Made is the number of the statement that created it, from 1, and Maker is its
	// text. Needed is the number of the statement that may need it, and Needs is its
	// text. Done is how many statements are done.
	Made, Needed, Done int
	Maker, Needs       string
}

// Error names the statements, and says what to do.
func (e *LostSessionError) Error() string {
	return fmt.Sprintf("migrate: %s revision %s: %s: it stopped after %d statements, and the session that it ran in is gone: "+
		"statement %d, %s, left %s there, and statement %d, %s, may need it: "+
		"undo by hand what the %d statements did, stamp the revision before, and run %s again; or complete it by hand and stamp %s. "+
		"A revision that needs nothing but what tables hold, such as (SELECT max(id) FROM …), can be resumed",
		e.Direction, e.Revision.ID, e.File, e.Done, e.Made, firstWords(e.Maker), e.What, e.Needed, firstWords(e.Needs), e.Done, e.Direction, e.Revision.ID)
}

// DirtyError says that a revision has begun and is not complete, and that the
// requested operation would not complete it.
type DirtyError struct {
	// Entries are the history's entries that are not complete.
	Entries []*Entry
}

// Error names the revisions, and says what to do.
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

// Error names the revision, and says what to do.
func (e *IrreversibleError) Error() string {
	if e.Foreign {
		return fmt.Sprintf("migrate: revision %s (%s) can't be taken back by this build, which lacks it, and the database keeps no SQL for that: use the build that has it",
			e.Revision.ID, e.Revision.Message)
	}
	return fmt.Sprintf("migrate: revision %s (%s) can't be taken back: %s has no section %q: add one, empty if there is nothing to do",
		e.Revision.ID, e.Revision.Message, e.Revision.Folder, directivePrefix+markDowngrade)
}

// isDefinite reports whether the server itself refused a statement, so that it is certain that
// the statement had no effect.
func isDefinite(err error) bool {
	return codeOf(err) != "" && !errors.Is(err, dbmodule.ErrUnavailable)
}

// codeOf returns the code that the server gave an error: a SQLSTATE on PostgreSQL, a number on
// MySQL. It returns "" for errors of SQLite and errors that no server sent.
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
