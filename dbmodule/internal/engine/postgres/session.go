package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// session is what is known about the server session behind a connection.
type session struct {
	known bool
	// direct is set if the connection leads to one session, and not to a pooler that changes
	// sessions between transactions.
	direct bool
	// usual is set if the session's settings let pgx read results in text format correctly.
	usual bool
	// text is set if pgx asks for results in text format.
	text bool
	// reported are the values of reportedSettings when the session was asked.
	reported [len(reportedSettings)]string
	// statements is how many statements were prepared.
	statements int
}

// unusual reports whether pgx would misread results in text format.
func (s *session) unusual() bool { return s.known && s.text && !s.usual }

// reportedSettings are settings that decide how values are read. The server reports when they
// change.
var reportedSettings = [...]string{"DateStyle", "TimeZone", "standard_conforming_strings", "client_encoding"}

const standardStrings = 2 // of reportedSettings

func (c *conn) reported() (all [len(reportedSettings)]string) {
	for i, name := range reportedSettings {
		all[i] = c.pg.PgConn().ParameterStatus(name)
	}
	return all
}

// SettingsChanged implements engine.Conn.
func (c *conn) SettingsChanged() bool { return c.session.known && c.reported() != c.session.reported }

// KeepsStatements implements engine.Conn. It recognises a pooler by the number of the server
// process: at the start of a connection a pooler can't report the number of the process that
// later runs the statements. It asks the server once, and not in a transaction whose BEGIN
// still waits.
func (c *conn) KeepsStatements(ctx context.Context) (bool, error) {
	if c.session.known {
		return c.session.direct, nil
	}
	row, err := c.askSession(ctx)
	if err != nil {
		return false, err
	}
	pid, _ := row[0].(int64)
	made := session{
		known: true, usual: usualResults(row), text: c.pg.Config().DefaultQueryExecMode == pgx.QueryExecModeExec, reported: c.reported(),
	}
	made.direct = pid == int64(c.pg.PgConn().PID()) && made.reported[standardStrings] != "off"
	if c.session = made; !made.direct {
		c.pipeline = nil // BEGIN is sent only together with a prepared statement
	}
	return made.direct, nil
}

func (c *conn) askSession(ctx context.Context) (row []driver.Value, err error) {
	row = make([]driver.Value, 5)
	rows, err := c.DriverConn.Query(ctx, `SELECT pg_backend_pid(), current_setting('DateStyle', true), current_setting('bytea_output', true),
		current_setting('extra_float_digits', true), current_setting('server_version_num', true)`, nil)
	if err != nil {
		return row, err
	}
	err = rows.Next(row)
	if closeErr := rows.Close(); err != nil && !errors.Is(err, io.EOF) || closeErr != nil {
		return row, errors.Join(err, closeErr)
	}
	return row, nil
}

// usualResults checks the settings that askSession returned.
func usualResults(row []driver.Value) bool {
	dates, _ := row[1].(string)
	bytes, _ := row[2].(string)
	least := 1 // since version 12 that is as many digits as a number needs
	if version, _ := row[4].(string); len(version) < len("120000") {
		least = 3
	}
	text, _ := row[3].(string)
	digits, err := strconv.Atoi(text)
	return strings.HasPrefix(dates, "ISO") && bytes == "hex" && err == nil && digits >= least
}

// inTransaction is the server's status of a connection with an open transaction.
const inTransaction = 'T'

// QueryAnySettings implements engine.Conn. The server describes the query before it
// runs, so that pgx asks for its result in binary form. That takes two trips. A pooler may send
// the second one to another session, which would run another client's query: outside a
// transaction the query then takes one trip, and pgx returns an error for what it can't read.
func (c *conn) QueryAnySettings(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.sendBegin(ctx); err != nil {
		return nil, err
	}
	if c.session.text && (c.session.direct || c.pg.PgConn().TxStatus() == inTransaction) {
		args = append([]driver.NamedValue{{Value: pgx.QueryExecModeDescribeExec}}, args...)
	}
	return c.DriverConn.Query(ctx, query, args)
}

// forget is DISCARD ALL, except that it keeps prepared statements. RESET ROLE is for servers
// before 15.9: there the role that ALTER ROLE or ALTER DATABASE sets would be lost.
const forget = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"

// Forget implements engine.Conn. Behind a pooler it does nothing: the next transaction may run
// in another session.
func (c *conn) Forget(ctx context.Context) error {
	if c.session.known && !c.session.direct {
		return nil
	}
	_, err := c.pg.PgConn().Exec(ctx, forget).ReadAll()
	return err
}

// ClosesLate implements engine.Conn.
func (c *conn) ClosesLate() bool { return true }

// PrepareOwn implements engine.Conn. It gives the statement a name. pgx would name it after
// its text, and would then run each query with the same text as this prepared statement.
func (c *conn) PrepareOwn(ctx context.Context, query string) (engine.Stmt, []uint32, error) {
	if err := c.sendBegin(ctx); err != nil {
		return nil, nil, err
	}
	c.session.statements++
	name := "dbmodule_" + strconv.Itoa(c.session.statements)
	description, err := c.pg.Prepare(ctx, name, query)
	if err != nil {
		return nil, nil, err
	}
	st := &stmt{Stmt: &named{conn: c, name: name, inputs: len(description.ParamOIDs)}, conn: c}
	return st, description.ParamOIDs, nil
}

// closeTimeout limits the wait for the server when a statement is closed.
const closeTimeout = 5 * time.Second

// named is a prepared statement that the server knows by a name.
type named struct {
	conn   *conn
	name   string
	inputs int
}

func (s *named) Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.DriverConn.Exec(ctx, s.name, args)
}

func (s *named) Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.DriverConn.Query(ctx, s.name, args)
}

func (s *named) NumInput() int { return s.inputs }

func (s *named) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout) //nolint:forbidigo // driver.Stmt has none
	defer cancel()
	return s.conn.pg.Deallocate(ctx, s.name)
}
