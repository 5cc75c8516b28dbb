package doctor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

// schemaChecks run on every engine, after the engine's own checks.
var schemaChecks = []check{
	{"clock", clockAgrees},
	{"create tables", canCreate},
	{"use tables", canUse},
	{"revisions", revisionsComplete},
}

// nowQueries return the time of each engine's clock, in seconds since 1970. SQLite has no clock of
// its own.
var nowQueries = map[dbmodule.Engine]string{
	dbmodule.PostgreSQL: "SELECT extract(epoch FROM clock_timestamp())::float8",
	dbmodule.MySQL:      "SELECT UNIX_TIMESTAMP(SYSDATE(6)) + 0e0",
}

// clockAgrees compares the server's clock with this machine's. The time that the query takes counts
// as agreement.
func clockAgrees(ctx context.Context, t *target) Finding {
	query, ok := nowQueries[t.db.Engine()]
	if !ok {
		return fine("the database has this machine's")
	}
	const slight, much = time.Second, 30 * time.Second
	var theirs float64
	before := t.opts.Now()
	if err := t.scan(ctx, query, &theirs); err != nil {
		return unread(err)
	}
	after := t.opts.Now()
	apart := time.Duration((theirs - float64(before.Add(after.Sub(before)/2).UnixMicro())/1e6) * float64(time.Second))
	// The server read its clock at some moment between before and after.
	off := apart.Abs() - after.Sub(before)/2
	found := fmt.Sprintf("the server's clock is %s from this machine's", apart.Abs().Round(time.Millisecond))
	const advice = "run NTP or chrony on both machines"
	switch {
	case off > much:
		return wrong(found, advice)
	case off > slight:
		return warning(found, advice)
	}
	return fine("agrees with the server's")
}

// canCreate checks that the account may create a table with an index.
func canCreate(ctx context.Context, t *target) Finding {
	advice := "grant the account CREATE on the schema, or run \"db upgrade\" with one that has it and serve with DATABASE_SCHEMA=check"
	if t.db.Engine() == dbmodule.MySQL {
		advice = "grant the account CREATE, ALTER, INDEX, REFERENCES and DROP on the database, or run \"db upgrade\" with one that has them and serve with DATABASE_SCHEMA=check"
	}
	err := t.tryCreate(ctx, fmt.Sprintf("openhands_doctor_%d", time.Now().UnixNano()))
	if err == nil {
		return fine("allowed")
	}
	if t.config.Schema == dbmodule.SchemaCheck || t.config.Schema == dbmodule.SchemaNone {
		return fine("not allowed, and not needed with DATABASE_SCHEMA=" + string(t.config.Schema))
	}
	return wrong(err.Error(), advice)
}

// tryCreate creates a table with an index, and removes both by a rollback. On MySQL it drops the
// table, because DDL commits there.
func (t *target) tryCreate(ctx context.Context, table string) (err error) {
	tx, err := t.db.DB().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if t.db.Engine() == dbmodule.MySQL && err == nil {
			_, err = tx.ExecContext(context.WithoutCancel(ctx), "DROP TABLE "+table)
		}
		if rollbackErr := tx.Rollback(); err == nil {
			err = rollbackErr
		}
	}()
	if _, err := tx.ExecContext(ctx, "CREATE TABLE "+table+" (id INTEGER NOT NULL PRIMARY KEY, n INTEGER)"); err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, "CREATE INDEX "+table+"_n ON "+table+" (n)"); err != nil && t.db.Engine() == dbmodule.MySQL {
		_, _ = tx.ExecContext(context.WithoutCancel(ctx), "DROP TABLE "+table) // the error of CREATE INDEX is returned
	}
	return err
}

// canUse checks that the account may read and write each model's table. Its statements change and
// return no row.
func canUse(ctx context.Context, t *target) Finding {
	var denied, absent []string
	for _, model := range t.opts.Models {
		table := t.db.DB().Table(reflect.TypeOf(model).Elem())
		for _, statement := range statementsOf(table) {
			_, err := t.db.DB().ExecContext(ctx, statement)
			verb, _, _ := strings.Cut(statement, " ")
			if isNoTable(err) {
				absent = append(absent, table.Name)
				break
			}
			// Other errors are not about permissions.
			if errors.Is(err, dbmodule.ErrAccessDenied) || errors.Is(err, dbmodule.ErrReadOnly) {
				denied = append(denied, verb+" on "+table.Name)
			}
		}
	}
	switch {
	case len(denied) > 0:
		return wrong("not allowed: "+strings.Join(denied, ", "), "grant the account SELECT, INSERT, UPDATE and DELETE on the tables")
	case len(absent) > 0:
		return warning("not there yet: "+strings.Join(absent, ", "), "the server's start or \"db upgrade\" creates them")
	}
	return fine(fmt.Sprintf("the tables of %d models can be read and written", len(t.opts.Models)))
}

func statementsOf(table *schema.Table) []string {
	name, columns := string(table.SQLName), make([]string, 0, len(table.Fields))
	for _, field := range table.Fields {
		columns = append(columns, string(field.SQLName))
	}
	list := strings.Join(columns, ", ")
	last := columns[len(columns)-1]
	return []string{
		"SELECT " + list + " FROM " + name + " WHERE 1 = 0",
		"INSERT INTO " + name + " (" + list + ") SELECT " + list + " FROM " + name + " WHERE 1 = 0",
		"UPDATE " + name + " SET " + last + " = " + last + " WHERE 1 = 0",
		"DELETE FROM " + name + " WHERE 1 = 0",
	}
}

// isNoTable reports whether err is an engine's error for a missing table.
func isNoTable(err error) bool {
	if err == nil {
		return false
	}
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	switch {
	case errors.As(err, &pg):
		return pg.Code == "42P01"
	case errors.As(err, &my):
		return my.Number == 1146
	}
	return strings.Contains(err.Error(), "no such table")
}

func revisionsComplete(ctx context.Context, t *target) Finding {
	if t.opts.Migrator == nil {
		return skipped("this program has no revisions")
	}
	state, err := t.opts.Migrator.State(ctx, t.db.DB())
	if err != nil {
		return unread(err)
	}
	ids := func(list []string) string { return strings.Join(list, ", ") }
	switch {
	case len(state.Unknown) > 0:
		return wrong("the database is at "+ids(state.Unknown)+", which this program does not know", "use the program that made it, or stamp the revision that the schema is at: \"db stamp\"")
	case len(state.Dirty) > 0:
		return wrong(ids(state.Dirty)+" is done in part", "\"db status\" says what stopped it: mend that, and run \"db upgrade\"")
	case len(state.Overlapping) > 0:
		return wrong("the version table has a row for "+ids(state.Overlapping)+" and one for a revision that comes after it", "if the schema has the later one: \"db stamp REVISION\"")
	case state.Behind() && t.config.Schema == dbmodule.SchemaCreate && len(state.Current) == 0:
		return warning("none is recorded", "the server's start creates the tables if none is there, and records the revisions")
	case state.Behind() && t.config.Schema != dbmodule.SchemaMigrate:
		return wrong("missing: "+ids(state.Pending), "run \"db upgrade\"")
	case state.Behind():
		return warning("missing: "+ids(state.Pending), "the server's next start runs them, or \"db upgrade\"")
	case len(state.Drifted) > 0:
		return warning(ids(state.Drifted)+" was edited after it had been applied", "put the file back as it was, and make the change a new revision; if databases that have it need no change, add the line Replaces to its revision.txt that \"db check\" prints")
	case len(state.AheadDirty) > 0:
		return warning("a newer build has begun "+ids(state.AheadDirty)+" and not completed it", "if it is not running any more, its \"db status\" says what stopped it: mend that, and run its \"db upgrade\"")
	case len(state.Ahead) > 0:
		return warning("a newer build applied "+ids(state.Ahead), "finish the roll-out, or \"db downgrade\" before going back for good")
	case len(state.Heads) == 0:
		return fine("this program has none yet: \"db revision --autogenerate\" writes the first")
	case len(state.Current) == 0:
		return warning("none is recorded", "run \"db upgrade\", or \"db stamp head\" if another tool made the tables")
	}
	return fine("at " + ids(state.Current))
}
