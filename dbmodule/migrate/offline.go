package migrate

import (
	"fmt"
	"io"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// mysqlNote is the comment above the SQL for MySQL and MariaDB.
const mysqlNote = `-- MODIFY and CHANGE state a column whole. db upgrade reads the live column first and
-- keeps what the revision does not speak of: collation, comment, check, ON UPDATE,
-- AUTO_INCREMENT, INVISIBLE. SQL can't: compare these statements with SHOW CREATE TABLE.
-- db upgrade also refuses to remove a table or column that a view or trigger uses.
`

// retypeNote is the comment above a revision that gives columns of PostgreSQL another type.
const retypeNote = `-- TYPE without COLLATE gives a column the collation of its new type. db upgrade
-- keeps the collation that the column has, and lets a sequence of serial count as
-- far as its column. It keeps a foreign key DEFERRABLE that is dropped and added
-- again. SQL can't: look at the table with \d+ first.
`

// WriteSQL writes the SQL of the steps, for somebody else to run: the statements of
// the revisions, and those that write the version table and the history, with their
// transactions. Before them it writes the settings that connections of the program have.
// It uses db only for its URL; the database need not be reachable. A revision in Go code
// is an error.
//
// The SQL records in the history that each revision ran at the time of this call and
// took no time.
func (m *Migrator) WriteSQL(w io.Writer, db *dbmodule.Database, steps []Step) error {
	o := &offline{m: m, db: db.DB(), engine: db.Engine()}
	o.dialect = dialectOf(&run{m: m, db: db, engine: o.engine})
	o.ledger = unlocated(m.table, o.engine)
	switch o.engine {
	case dbmodule.SQLite:
		o.text.WriteString(sqliteNote)
	case dbmodule.MySQL:
		o.text.WriteString(mysqlNote)
	}
	o.connection = connectionSettings(db.URL())
	o.all(o.connection)
	o.all(o.ledger.create())
	for _, step := range steps {
		if err := o.step(step); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, o.text.String()); err != nil {
		return fmt.Errorf("migrate: write SQL: %w", err)
	}
	return nil
}

// PurgeSQL returns the statement that empties the version table.
func (m *Migrator) PurgeSQL(engine dbmodule.Engine) string {
	return "DELETE FROM " + unlocated(m.table, engine).version + ";\n"
}

// offline renders the SQL of steps, like Alembic's offline mode.
type offline struct {
	m       *Migrator
	db      *bun.DB
	engine  dbmodule.Engine
	dialect dialect
	ledger  *ledger
	text    strings.Builder
	// connection are the statements of connectionSettings.
	connection []string
}

// statement writes one statement, with its delimiter.
func (o *offline) statement(text string) { o.text.WriteString(sqlscan.For(o.engine).Delimited(text)) }

func (o *offline) all(statements []string) {
	for _, statement := range statements {
		o.statement(statement)
	}
}

// step writes a step: its statements in their transactions, and what it records.
func (o *offline) step(step Step) error {
	fmt.Fprintf(&o.text, "\n-- Running %s %s\n", step.Direction, step)
	w := work{}
	if step.Revision != nil && step.Direction != graph.Stamp {
		if _, err := o.m.Script(step.Revision, o.engine); err != nil {
			return err
		}
		var err error
		if w, err = workOf(step, o.m.contents, o.engine, false); err != nil {
			return err
		}
	}
	if o.engine == dbmodule.SQLite {
		o.statement("PRAGMA foreign_keys = off")
	}
	if len(w.retyped) > 0 {
		o.text.WriteString(retypeNote)
	}
	before, after, note := settingsAround(o.engine, w.statements)
	if o.engine == dbmodule.PostgreSQL && len(after) > 0 {
		after = append(after, o.connection...) // after resets them, too
	}
	o.all(before)
	w.statements = o.withChecks(w)
	from := 0
	for from < len(w.statements) {
		to := o.dialect.groupEnd(w.statements, from)
		switch {
		case to == from:
			o.statement(w.statements[from].Text)
			to++
		case o.dialect.transactionalDDL() && to == len(w.statements):
			// The last transaction also records the step.
			o.transaction(w.statements[from:to], after, step, w)
			o.text.WriteString(note)
			o.end()
			return nil
		default:
			o.transaction(w.statements[from:to], nil, Step{}, work{})
		}
		from = to
	}
	o.text.WriteString(note)
	o.transaction(nil, after, step, w)
	o.end()
	return nil
}

// end writes the statement after a step that switches SQLite's foreign keys on again.
func (o *offline) end() {
	if o.engine == dbmodule.SQLite {
		o.statement("PRAGMA foreign_keys = on")
	}
}

// transaction writes a transaction: statements; then settings, which restore those of the
// session; then the records of a step, unless the step is empty.
func (o *offline) transaction(statements []Statement, settings []string, step Step, w work) {
	begin := "BEGIN"
	if o.engine == dbmodule.SQLite {
		begin = "BEGIN IMMEDIATE"
	}
	o.statement(begin)
	checked := o.engine == dbmodule.SQLite && len(statements) > 0
	if checked {
		o.all(keysBefore)
	}
	for _, statement := range statements {
		o.statement(statement.Text)
	}
	if checked {
		o.all(keysAfter)
	}
	o.all(settings)
	for _, statement := range o.ledger.moves(o.db.Dialect(), step) {
		o.statement(statement)
	}
	if step.Revision != nil {
		entry := stampEntry(step, o.m.contents, o.engine, o.m.build)
		if step.Direction != graph.Stamp {
			entry = newEntry(step, w, o.m.build)
			entry.finish(w)
			entry.Duration = 0
		}
		o.statement(o.db.NewInsert().Model(entry).ModelTableExpr("?", bun.Safe(o.ledger.historyTable)).Returning("NULL").String())
	}
	o.statement("COMMIT")
}
