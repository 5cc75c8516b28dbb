package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// mysqlKind is how a statement runs.
type mysqlKind int

const (
	// mysqlAlone commits, or may commit, by itself. It is recorded before it runs, and again
	// when it is complete.
	mysqlAlone mysqlKind = iota
	// mysqlRows changes only rows. It runs in a transaction with others of its kind, and with
	// their record.
	mysqlRows
	// mysqlSession changes only the session.
	mysqlSession
)

// mysqlKindOf returns the kind of a statement, which its first words tell.
func mysqlKindOf(text string) mysqlKind {
	first := sqlscan.MySQL.First(text, 2)
	switch {
	case len(first) == 0: // a comment for the server
		return mysqlSession
	case first[0].Is("INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH", "DO"), first[0].Is("LOAD") && len(first) > 1 && first[1].Is("DATA"):
		return mysqlRows
	case first[0].Is("USE"):
		return mysqlSession
	case first[0].Is("SET") && len(first) > 1 && !first[1].Is("PASSWORD", "DEFAULT", "STATEMENT", "GLOBAL"):
		if usesLastResult(text) {
			return mysqlRows
		}
		return mysqlSession
	}
	return mysqlAlone
}

// usesLastResult reports whether a statement uses a result of the statement right before it, such
// as ROW_COUNT().
func usesLastResult(text string) bool {
	const longest = 2000 // longer statements insert rows
	if len(text) > longest {
		return false
	}
	upper := strings.ToUpper(text)
	for _, word := range []string{"ROW_COUNT", "FOUND_ROWS", "WARNING_COUNT", "ERROR_COUNT"} {
		if strings.Contains(upper, word) {
			return true
		}
	}
	return false
}

// The limits of a group, which keep the server's undo log and the time of its locks small.
const (
	groupStatements = 1000
	groupBytes      = 4 << 20
)

func (d *mysqlDialect) groupEnd(statements []Statement, from int) int {
	to, size := from, 0
	for to < len(statements) && !statements[to].NoTransaction && mysqlKindOf(statements[to].Text) == mysqlRows {
		if (to-from >= groupStatements || size > groupBytes) && !usesLastResult(statements[to].Text) {
			break
		}
		size += len(statements[to].Text)
		to++
	}
	return to
}

// needsNoRecord returns true for statements that change only the session, and while LOCK TABLES is
// in effect.
func (d *mysqlDialect) needsNoRecord(statement Statement) bool {
	return d.locking || mysqlKindOf(statement.Text) == mysqlSession || locks(statement.Text)
}

// locks reports whether a statement is LOCK TABLES or UNLOCK TABLES.
func locks(text string) bool {
	first := sqlscan.MySQL.First(text, 2)
	return len(first) > 1 && first[0].Is("LOCK", "UNLOCK") && first[1].Is("TABLE", "TABLES")
}

func (d *mysqlDialect) recordsAtOnce(text string) bool { return locks(text) }

func (d *mysqlDialect) executeAlone(ctx context.Context, w work, i int) error {
	statement, err := d.statementToRun(ctx, w, i)
	if err != nil {
		return err
	}
	if err := d.checkNotUsed(ctx, w, i); err != nil {
		return err
	}
	err = execute(ctx, d.run.conn, statement)
	if codeOf(err) == emptyStatement {
		return nil // a comment with SQL for later versions of the server
	}
	if err == nil && locks(statement) {
		d.locking = sqlscan.MySQL.First(statement, 1)[0].Is("LOCK")
	}
	return err
}

// emptyStatement is the code of the server's error for an empty statement.
const emptyStatement = "1065"

func (d *mysqlDialect) hasTriggersOrRoutines(ctx context.Context) (bool, error) {
	var n int
	err := d.run.recordConn().NewRaw("SELECT (SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = ?0) + "+
		"(SELECT count(*) FROM information_schema.routines WHERE routine_schema = ?0)", d.run.ledger.schema).Scan(ctx, &n)
	if err != nil {
		return false, fmt.Errorf("look for triggers and routines: %w", err)
	}
	return n > 0, nil
}

// checkNoRowsLeft returns an error if one of the statements names a table without transactions. It
// looks at the statements of one group at most.
func (d *mysqlDialect) checkNoRowsLeft(ctx context.Context, w work, from, to int) error {
	if from >= to || mysqlKindOf(w.statements[from].Text) != mysqlRows {
		return nil
	}
	var tables []string
	err := d.run.recordConn().NewRaw("SELECT t.table_name FROM information_schema.tables AS t JOIN information_schema.engines AS e ON e.engine = t.engine "+
		"WHERE t.table_schema = ? AND t.table_type = 'BASE TABLE' AND e.transactions <> 'YES'", d.run.ledger.schema).Scan(ctx, &tables)
	if err != nil {
		return fmt.Errorf("look for tables without transactions: %w", err)
	}
	for i := from; i < min(to, d.groupEnd(w.statements, from)); i++ {
		for _, token := range sqlscan.MySQL.Tokens(w.statements[i].Text) {
			name := strings.Trim(token.Text, "`")
			if token.Kind != sqlscan.String && slices.Contains(tables, name) {
				return fmt.Errorf("%s: a run broke off at statement %d or soon after it, and table %s has no transactions: "+
					"some rows may be changed already: look which, complete the revision by hand, and stamp it", w.file, i+1, name)
			}
		}
	}
	return nil
}

// statementToRun returns the i-th statement. If its MODIFY or CHANGE would remove clauses of a
// column that the revision does not know, statementToRun adds them.
func (d *mysqlDialect) statementToRun(ctx context.Context, w work, i int) (string, error) {
	restated := w.restated[i]
	if restated == nil {
		return w.statements[i].Text, nil
	}
	var table, created string
	err := d.run.conn.QueryRowContext(ctx, "?", bun.Safe("SHOW CREATE TABLE "+restated.Table)).Scan(&table, &created)
	if err != nil && d.saysDone(err) {
		return w.statements[i].Text, nil // the table does not exist: the statement itself fails with a better error
	}
	if err != nil {
		return "", fmt.Errorf("read table %s: %w", restated.Table, err)
	}
	return restated.On(created)
}
