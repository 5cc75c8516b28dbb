package dbmodule_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/openhands-go/server/dbmodule"
)

// secret stands for the value of a row in the messages below.
const secret = "ann@example.org"

// liteError is an error as the SQLite driver makes them.
type liteError struct {
	code int
	text string
}

func (e liteError) Error() string { return e.text + " (" + strconv.Itoa(e.code) + ")" }
func (e liteError) Code() int     { return e.code }

func pg(code, message string) *pgconn.PgError {
	return &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: message}
}

func fatal(code, message string) *pgconn.PgError {
	return &pgconn.PgError{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: message}
}

func my(number uint16, message string) *mysql.MySQLError {
	return &mysql.MySQLError{Number: number, Message: message}
}

func lite(code int, text string) error { return liteError{code: code, text: text} }

type errorCase struct {
	err  error
	want error // nil: not recognised
	// what the server does by itself
	ends, discards            bool
	constraint, table, column string
}

var postgreSQLErrors = map[string]errorCase{
	"unique": {
		err: &pgconn.PgError{
			Severity: "ERROR", Code: "23505", Message: `duplicate key value violates unique constraint "uq_email"`,
			Detail: "Key (email)=(" + secret + ") already exists.", TableName: "users", ConstraintName: "uq_email",
		},
		want: dbmodule.ErrUnique, constraint: "uq_email", table: "users", column: "email",
	},
	"unique in German": {
		err:  &pgconn.PgError{Code: "23505", Message: "doppelter Schlüsselwert", Detail: `Schlüssel »("E-Mail", tenant_id)=(` + secret + `, 1)« existiert bereits.`},
		want: dbmodule.ErrUnique, column: "E-Mail, tenant_id",
	},
	"unique expression": {
		err:  &pgconn.PgError{Code: "23505", Message: "duplicate key", Detail: "Key (lower(email::text))=(" + secret + ") already exists."},
		want: dbmodule.ErrUnique,
	},
	"unique without detail": {err: pg("23505", "duplicate key"), want: dbmodule.ErrUnique},
	"unique by a function": {
		err:  &pgconn.PgError{Code: "23505", Message: "duplicate key", Routine: "exec_stmt_raise", Detail: "Key (" + secret + ")=(1)."},
		want: dbmodule.ErrUnique,
	},
	"foreign key of the row": {
		err:  &pgconn.PgError{Code: "23503", Message: `insert or update on table "books" violates foreign key constraint "fk"`, Detail: `Key (author_id)=(7) is not present in table "authors".`},
		want: dbmodule.ErrForeignKey, column: "author_id",
	},
	"foreign key of others": {
		err:  &pgconn.PgError{Code: "23503", Message: `update or delete on table "authors" violates foreign key constraint "fk" on table "books"`, Detail: `Key (id)=(7) is still referenced from table "books".`, TableName: "books"},
		want: dbmodule.ErrForeignKey, table: "books",
	},
	"exclusion":   {err: pg("23P01", `conflicting key value violates exclusion constraint "ex"`), want: dbmodule.ErrUnique},
	"foreign key": {err: pg("23503", `violates foreign key constraint "fk"`), want: dbmodule.ErrForeignKey},
	"restrict":    {err: pg("23001", `violates RESTRICT setting of foreign key constraint "fk"`), want: dbmodule.ErrForeignKey},
	"check":       {err: pg("23514", `violates check constraint "ck"`), want: dbmodule.ErrCheck},
	"view check":  {err: pg("44000", `new row violates check option for view "v"`), want: dbmodule.ErrCheck},
	"not null": {
		err:  &pgconn.PgError{Code: "23502", Message: "null value", Detail: "Failing row contains (" + secret + ").", TableName: "t", ColumnName: "c"},
		want: dbmodule.ErrNotNull, table: "t", column: "c",
	},
	"raised by a function": {
		err:  &pgconn.PgError{Code: "23505", Message: "no " + secret, Routine: "exec_stmt_raise"},
		want: dbmodule.ErrUnique,
	},
	"too long":               {err: pg("22001", "value too long for type character varying(3)"), want: dbmodule.ErrValue},
	"bad text":               {err: pg("22P02", `invalid input syntax for type integer: "a"b `+secret+`"`), want: dbmodule.ErrValue},
	"bad text in German":     {err: pg("22P02", "ungültige Eingabesyntax für Typ integer: »"+secret+"«"), want: dbmodule.ErrValue},
	"out of range":           {err: pg("22003", `value "`+secret+`" is out of range for type integer`), want: dbmodule.ErrValue},
	"broken UTF-8":           {err: pg("22021", `invalid byte sequence for encoding "UTF8": 0x00`), want: dbmodule.ErrValue},
	"untranslatable":         {err: pg("22P05", "unsupported Unicode escape sequence"), want: dbmodule.ErrValue},
	"too deep":               {err: pg("54001", "stack depth limit exceeded"), want: dbmodule.ErrValue},
	"message not accepted":   {err: pg("08P01", "invalid message format"), want: dbmodule.ErrValue},
	"PgBouncer":              {err: fatal("08P01", "query_wait_timeout"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"serialization":          {err: pg("40001", "could not serialize access"), want: dbmodule.ErrConflict},
	"deadlock":               {err: pg("40P01", "deadlock detected"), want: dbmodule.ErrConflict},
	"lock timeout":           {err: pg("55P03", "canceling statement due to lock timeout"), want: dbmodule.ErrConflict},
	"stale plan":             {err: pg("0A000", "cached plan must not change result type"), want: dbmodule.ErrConflict},
	"not supported":          {err: pg("0A000", "LISTEN is not supported")},
	"completion unknown":     {err: pg("40003", "result is ambiguous"), want: dbmodule.ErrCommitUnknown},
	"cancelled":              {err: pg("57014", "canceling statement due to statement timeout"), want: dbmodule.ErrTimeout},
	"transaction timeout":    {err: fatal("25P04", "transaction timeout"), want: dbmodule.ErrTimeout, ends: true, discards: true},
	"shut down":              {err: fatal("57P01", "terminating connection"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"crash":                  {err: fatal("57P02", "terminating connection"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"starting":               {err: fatal("57P03", "the database system is starting up"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"idle in transaction":    {err: fatal("25P03", "terminating connection"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"connection failure":     {err: pg("08006", "connection failure"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"too many connections":   {err: fatal("53300", "too many clients"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"disk full":              {err: pg("53100", "No space left on device"), want: dbmodule.ErrDiskFull},
	"read-only":              {err: pg("25006", "cannot execute INSERT in a read-only transaction"), want: dbmodule.ErrReadOnly, discards: true},
	"aborted transaction":    {err: pg("25P02", "current transaction is aborted"), want: dbmodule.ErrPendingRollback},
	"commit rolled back":     {err: pgx.ErrTxCommitRollback, want: dbmodule.ErrPendingRollback},
	"wrong password":         {err: fatal("28P01", "password authentication failed"), want: dbmodule.ErrAccessDenied, ends: true, discards: true},
	"not in pg_hba.conf":     {err: fatal("28000", "no entry"), want: dbmodule.ErrAccessDenied, ends: true, discards: true},
	"no privilege":           {err: pg("42501", "permission denied for table t"), want: dbmodule.ErrAccessDenied},
	"no database":            {err: fatal("3D000", "database does not exist"), want: dbmodule.ErrNoDatabase, ends: true, discards: true},
	"dropped database":       {err: fatal("57P04", "terminating connection"), want: dbmodule.ErrNoDatabase, ends: true, discards: true},
	"damaged":                {err: pg("XX001", "invalid page in block 0"), want: dbmodule.ErrCorrupt},
	"syntax":                 {err: pg("42601", `syntax error at or near "`+secret+`"`)},
	"no table":               {err: pg("42P01", `relation "t" does not exist`)},
	"closed":                 {err: fmt.Errorf("exec: %w", pgconn.ErrConnClosed), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"end of stream":          {err: fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"reset":                  {err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}, want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"refused":                {err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"unknown host":           {err: &net.DNSError{Err: "no such host"}, want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"certificate":            {err: fmt.Errorf("tls: %w", x509.UnknownAuthorityError{}), want: dbmodule.ErrAccessDenied},
	"driver says bad":        {err: driver.ErrBadConn, want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"cancelled by caller":    {err: fmt.Errorf("timeout: %w", context.Canceled)},
	"deadline of the caller": {err: fmt.Errorf("timeout: %w", context.DeadlineExceeded)},
	"no row":                 {err: sql.ErrNoRows},
	"something else":         {err: errors.New("something else")},
}

var mySQLErrors = map[string]errorCase{
	"unique":             {err: my(1062, "Duplicate entry '"+secret+"' for key 'uq_email'"), want: dbmodule.ErrUnique, constraint: "uq_email"},
	"unique with quotes": {err: my(1062, "Duplicate entry 'x' for key '"+secret+"' for key 'uq_email'"), want: dbmodule.ErrUnique, constraint: "uq_email"},
	"unique on MySQL 8":  {err: my(1062, "Duplicate entry '"+secret+"' for key 'users.uq_email'"), want: dbmodule.ErrUnique, constraint: "uq_email", table: "users"},
	"unique in French":   {err: my(1062, "Duplicata du champ '"+secret+"' pour la clef 'uq_email'"), want: dbmodule.ErrUnique},
	"unique by its name": {err: my(1586, "Duplicate entry '"+secret+"' for key 'uq'"), want: dbmodule.ErrUnique, constraint: "uq"},
	"unique by cascade":  {err: my(1761, "Foreign key constraint for table 't', record '"+secret+"' would lead to a duplicate entry in table 'u', key 'k'"), want: dbmodule.ErrUnique},
	"foreign key": {
		err: my(1452, "Cannot add or update a child row: a foreign key constraint fails (`app`.`child`, CONSTRAINT `fk_parent` "+
			"FOREIGN KEY (`a`, `b`) REFERENCES `parent` (`a`, `b`))"),
		want: dbmodule.ErrForeignKey, constraint: "fk_parent", table: "child", column: "a, b",
	},
	"referenced": {
		err:  my(1451, "Cannot delete or update a parent row: a foreign key constraint fails (`app`.`child`, CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `parent` (`id`))"),
		want: dbmodule.ErrForeignKey, constraint: "fk", table: "child", column: "p",
	},
	"foreign key, no privilege": {err: my(1216, "Cannot add or update a child row: a foreign key constraint fails"), want: dbmodule.ErrForeignKey},
	"check on MySQL":            {err: my(3819, "Check constraint 'ck_age' is violated."), want: dbmodule.ErrCheck, constraint: "ck_age"},
	"check on MariaDB":          {err: my(4025, "CONSTRAINT `ck_age` failed for `app`.`users`"), want: dbmodule.ErrCheck, constraint: "ck_age", table: "users"},
	"check of a column":         {err: my(4025, "CONSTRAINT `users.doc` failed for `app`.`users`"), want: dbmodule.ErrCheck, constraint: "users.doc", table: "users", column: "doc"},
	"not null":                  {err: my(1048, "Column 'name' cannot be null"), want: dbmodule.ErrNotNull, column: "name"},
	"no default":                {err: my(1364, "Field 'name' doesn't have a default value"), want: dbmodule.ErrNotNull, column: "name"},
	"too long":                  {err: my(1406, "Data too long for column 'name' at row 1"), want: dbmodule.ErrValue, column: "name"},
	"out of range":              {err: my(1264, "Out of range value for column 'n' at row 1"), want: dbmodule.ErrValue, column: "n"},
	"wrong type on MySQL":       {err: my(1366, "Incorrect integer value: '"+secret+"' for column 'n' at row 1"), want: dbmodule.ErrValue, column: "n"},
	"wrong type on MariaDB":     {err: my(1366, "Incorrect integer value: 'x' for column '"+secret+"' at row 1' for column `app`.`t`.`n` at row 1"), want: dbmodule.ErrValue, table: "t", column: "n"},
	"wrong time":                {err: my(1292, "Incorrect datetime value: '"+secret+"' for column `app`.`t`.`d` at row 1"), want: dbmodule.ErrValue, table: "t", column: "d"},
	"overflow":                  {err: my(1690, "BIGINT value is out of range in '"+secret+" + 1'"), want: dbmodule.ErrValue},
	"bad JSON":                  {err: my(3140, `Invalid JSON text: "Invalid value." at position 0 in value for column 't.c'.`), want: dbmodule.ErrValue},
	"packet too large":          {err: my(1153, "Got a packet bigger than 'max_allowed_packet' bytes"), want: dbmodule.ErrValue, ends: true, discards: true},
	"packet not sent":           {err: mysql.ErrPktTooLarge, want: dbmodule.ErrValue},
	"deadlock":                  {err: my(1213, "Deadlock found when trying to get lock"), want: dbmodule.ErrConflict, ends: true},
	"lock timeout":              {err: my(1205, "Lock wait timeout exceeded"), want: dbmodule.ErrConflict},
	"changed since read":        {err: my(1020, "Record has changed since last read in table 't'"), want: dbmodule.ErrConflict, ends: true},
	"certification":             {err: my(1180, `Got error 149 "Lock deadlock; Retry transaction" during COMMIT`), want: dbmodule.ErrConflict, ends: true, discards: true},
	"commit without quorum":     {err: my(1180, `Got error 6 "No such device or address" during COMMIT`), want: dbmodule.ErrCommitUnknown, ends: true, discards: true},
	"not ready":                 {err: my(1047, "WSREP has not yet prepared node for application use"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"time limit on MySQL":       {err: my(3024, "maximum statement execution time exceeded"), want: dbmodule.ErrTimeout},
	"time limit on MariaDB":     {err: my(1969, "max_statement_time exceeded"), want: dbmodule.ErrTimeout},
	"interrupted":               {err: my(1317, "Query execution was interrupted"), want: dbmodule.ErrTimeout},
	"too many connections":      {err: my(1040, "Too many connections"), want: dbmodule.ErrUnavailable},
	"shut down":                 {err: my(1053, "Server shutdown in progress"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"killed":                    {err: my(1927, "Connection was killed"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"gone":                      {err: mysql.ErrInvalidConn, want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"disk full":                 {err: my(1021, "Disk full (t)"), want: dbmodule.ErrDiskFull},
	"table full":                {err: my(1114, "The table 't' is full"), want: dbmodule.ErrDiskFull},
	"write without room":        {err: my(1026, `Error writing file 't' (errno: 28 "No space left on device")`), want: dbmodule.ErrDiskFull},
	"write error":               {err: my(1026, `Error writing file 't' (errno: 5 "Input/output error")`)},
	"read-only server":          {err: my(1290, "The MariaDB server is running with the --read-only option"), want: dbmodule.ErrReadOnly, discards: true},
	"other option":              {err: my(1290, "The MySQL server is running with the --secure-file-priv option")},
	"read-only mode":            {err: my(1836, "Running in read-only mode"), want: dbmodule.ErrReadOnly, discards: true},
	"read-only transaction":     {err: my(1792, "Cannot execute statement in a READ ONLY transaction"), want: dbmodule.ErrReadOnly},
	"wrong password":            {err: my(1045, "Access denied for user 'u'@'h' (using password: YES)"), want: dbmodule.ErrAccessDenied},
	"no privilege":              {err: my(1142, "DELETE command denied to user 'u'@'h' for table 't'"), want: dbmodule.ErrAccessDenied},
	"no TLS":                    {err: mysql.ErrNoTLS, want: dbmodule.ErrAccessDenied},
	"no database":               {err: my(1049, "Unknown database 'nodb'"), want: dbmodule.ErrNoDatabase},
	"savepoint gone":            {err: my(1305, "SAVEPOINT a does not exist"), ends: true},
	"function missing":          {err: my(1305, "FUNCTION app.f does not exist")},
	"damaged":                   {err: my(1194, "Table 't' is marked as crashed and should be repaired"), want: dbmodule.ErrCorrupt},
	"TiDB write conflict":       {err: my(9007, "Write conflict"), want: dbmodule.ErrConflict, ends: true},
	"syntax":                    {err: my(1064, "syntax to use near '"+secret+"' at line 1")},
	"SIGNAL":                    {err: my(1644, secret)},
	"cancelled by caller":       {err: context.Canceled},
}

var sqliteErrors = map[string]errorCase{
	"unique":            {err: lite(2067, "constraint failed: UNIQUE constraint failed: t.a, t.b"), want: dbmodule.ErrUnique, table: "t", column: "a, b"},
	"unique expression": {err: lite(2067, "constraint failed: UNIQUE constraint failed: index 'ux'"), want: dbmodule.ErrUnique, constraint: "ux"},
	"primary key":       {err: lite(1555, "constraint failed: UNIQUE constraint failed: t.id"), want: dbmodule.ErrUnique, table: "t", column: "id"},
	"foreign key":       {err: lite(787, "constraint failed: FOREIGN KEY constraint failed"), want: dbmodule.ErrForeignKey},
	"check":             {err: lite(275, "constraint failed: CHECK constraint failed: ck_age"), want: dbmodule.ErrCheck, constraint: "ck_age"},
	"check expression":  {err: lite(275, "constraint failed: CHECK constraint failed: length(a) > (1)"), want: dbmodule.ErrCheck, constraint: "length(a) > (1)"},
	"not null":          {err: lite(1299, "constraint failed: NOT NULL constraint failed: t.a"), want: dbmodule.ErrNotNull, table: "t", column: "a"},
	"strict":            {err: lite(3091, "constraint failed: cannot store TEXT value in INT column t.a"), want: dbmodule.ErrValue, table: "t", column: "a"},
	"mismatch":          {err: lite(20, "datatype mismatch"), want: dbmodule.ErrValue},
	"too big":           {err: lite(18, "string or blob too big"), want: dbmodule.ErrValue},
	"overflow":          {err: lite(1, "SQL logic error: integer overflow"), want: dbmodule.ErrValue},
	"bad JSON path":     {err: lite(1, "SQL logic error: bad JSON path: '"+secret+"'"), want: dbmodule.ErrValue},
	"busy":              {err: lite(5, "database is locked"), want: dbmodule.ErrConflict, ends: true},
	"busy snapshot":     {err: lite(517, "database is locked"), want: dbmodule.ErrConflict, ends: true},
	"locked":            {err: lite(6, "database table is locked"), want: dbmodule.ErrConflict},
	"interrupted":       {err: lite(9, "interrupted"), want: dbmodule.ErrTimeout, ends: true},
	"full":              {err: lite(13, "database or disk is full"), want: dbmodule.ErrDiskFull, ends: true},
	"no room for WAL":   {err: lite(4874, "disk I/O error"), want: dbmodule.ErrDiskFull, ends: true, discards: true},
	"read-only":         {err: lite(8, "attempt to write a readonly database"), want: dbmodule.ErrReadOnly, discards: true},
	"moved":             {err: lite(1032, "attempt to write a readonly database"), want: dbmodule.ErrUnavailable, discards: true},
	"I/O error":         {err: lite(266, "disk I/O error"), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"can't open":        {err: fmt.Errorf("open file:x: %w", lite(14, "unable to open database file")), want: dbmodule.ErrUnavailable, ends: true, discards: true},
	"no database":       {err: lite(26, "file is not a database"), want: dbmodule.ErrCorrupt, ends: true, discards: true},
	"damaged":           {err: lite(11, "database disk image is malformed"), want: dbmodule.ErrCorrupt, ends: true, discards: true},
	"savepoint gone":    {err: lite(1, "SQL logic error: no such savepoint: a"), ends: true},
	"trigger":           {err: lite(1811, "constraint failed: "+secret), ends: true},
	"syntax":            {err: lite(1, `SQL logic error: near "`+secret+`": syntax error`)},
	// An interrupted write takes its transaction along.
	"cancelled by caller":    {err: context.Canceled, ends: true},
	"deadline of the caller": {err: context.DeadlineExceeded, ends: true},
}

func TestDriverErrorsGetTheirType(t *testing.T) {
	t.Parallel()
	for engine, tests := range map[dbmodule.Engine]map[string]errorCase{
		dbmodule.PostgreSQL: postgreSQLErrors, dbmodule.MySQL: mySQLErrors, dbmodule.SQLite: sqliteErrors,
	} {
		for name, test := range tests {
			t.Run(string(engine)+"/"+name, func(t *testing.T) {
				t.Parallel()
				got := dbmodule.Classify(engine, test.err)
				assert.Equal(t, test.ends, dbmodule.EndsTransaction(engine, got), "ends the transaction")
				assert.Equal(t, test.discards, dbmodule.DiscardsConn(engine, got), "discards the connection")
				assert.NotContains(t, dbmodule.TextWithoutValues(got), secret)
				if test.want == nil {
					assert.Equal(t, test.err, got, "unchanged")
					return
				}
				require.ErrorIs(t, got, test.want)
				require.NotErrorIs(t, got, driver.ErrBadConn, "database/sql would repeat the statement")
				assert.NotContains(t, got.Error(), secret)
				assert.NotContains(t, fmt.Sprintf("%v %+v", got, got), secret)
				var typed *dbmodule.Error
				require.ErrorAs(t, got, &typed)
				assert.Equal(t, engine, typed.Engine)
				assert.Equal(t, []string{test.constraint, test.table, test.column}, []string{typed.Constraint, typed.Table, typed.Column})
				assert.Same(t, typed, dbmodule.Classify(engine, got), "typed once")
				if !errors.Is(test.err, driver.ErrBadConn) {
					require.ErrorIs(t, got, test.err, "the driver's error is kept")
				}
			})
		}
	}
	assert.NoError(t, dbmodule.Classify(dbmodule.SQLite, nil))
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		engine dbmodule.Engine
		err    error
		want   string
	}{
		{
			dbmodule.PostgreSQL, postgreSQLErrors["unique"].err,
			`dbmodule: unique constraint "uq_email" violated in table "users": ERROR: duplicate key value violates unique constraint "uq_email" (SQLSTATE 23505)`,
		},
		{
			dbmodule.PostgreSQL, postgreSQLErrors["unique in German"].err,
			`dbmodule: unique constraint on "E-Mail, tenant_id" violated: : doppelter Schlüsselwert (SQLSTATE 23505)`,
		},
		{
			dbmodule.PostgreSQL, postgreSQLErrors["out of range"].err,
			`dbmodule: value not accepted: ERROR: value '…' is out of range for type integer (SQLSTATE 22003)`,
		},
		{
			dbmodule.MySQL, mySQLErrors["unique with quotes"].err,
			`dbmodule: unique constraint "uq_email" violated: Error 1062: Duplicate entry '…' for key 'uq_email'`,
		},
		{
			dbmodule.MySQL, mySQLErrors["wrong type on MariaDB"].err,
			"dbmodule: value not accepted for \"n\" in table \"t\": Error 1366: Incorrect integer value: '…' for column `app`.`t`.`n` at row 1",
		},
		{
			dbmodule.SQLite, sqliteErrors["unique"].err,
			`dbmodule: unique constraint on "a, b" violated in table "t": constraint failed: UNIQUE constraint failed: t.a, t.b (2067)`,
		},
		{dbmodule.MySQL, driver.ErrBadConn, "dbmodule: database unavailable: the connection was lost"},
	} {
		assert.EqualError(t, dbmodule.Classify(test.engine, test.err), test.want)
	}
}

func TestContextErrorsRemain(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL} {
		for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
			err := dbmodule.Classify(engine, fmt.Errorf("exec: %w", errors.Join(ended, io.ErrUnexpectedEOF)))
			require.ErrorIs(t, err, ended)
			require.NotErrorIs(t, err, dbmodule.ErrUnavailable, "the caller went away, not the database")
		}
	}
	slow := dbmodule.Classify(dbmodule.MySQL, &net.OpError{Op: "dial", Err: context.DeadlineExceeded})
	require.ErrorIs(t, slow, dbmodule.ErrUnavailable, "a connection that can't be made in time")
	require.ErrorIs(t, slow, context.DeadlineExceeded)
	left := dbmodule.Classify(dbmodule.MySQL, &net.OpError{Op: "dial", Err: context.Canceled})
	require.NotErrorIs(t, left, dbmodule.ErrUnavailable)
}

// Nobody listens on the port: pgx makes its own kind of error of that.
func TestUnreachableServersAreUnavailable(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())

	_, err = pgx.Connect(t.Context(), "postgres://u:hidden@"+address+"/db?sslmode=prefer")
	err = dbmodule.Classify(dbmodule.PostgreSQL, err)
	require.ErrorIs(t, err, dbmodule.ErrUnavailable)
	assert.NotContains(t, err.Error(), "hidden")
	assert.NotContains(t, err.Error(), "\n")

	connector, err := mysql.NewConnector(&mysql.Config{User: "u", Passwd: "hidden", Net: "tcp", Addr: address})
	require.NoError(t, err)
	_, err = connector.Connect(t.Context())
	err = dbmodule.Classify(dbmodule.MySQL, err)
	require.ErrorIs(t, err, dbmodule.ErrUnavailable)
	assert.NotContains(t, err.Error(), "hidden")
}

// A server that speaks no TLS is refused for good, unless it was only one of
// several attempts.
func TestServerWithoutTLSIsRefused(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 8)
			_, _ = io.ReadFull(conn, request)
			_, _ = conn.Write([]byte("N")) // PostgreSQL's "no TLS here"
			_ = conn.Close()
		}
	}()
	for mode, want := range map[string]error{"require": dbmodule.ErrAccessDenied, "prefer": dbmodule.ErrUnavailable} {
		_, err := pgx.Connect(t.Context(), "postgres://u@"+listener.Addr().String()+"/db?sslmode="+mode)
		require.ErrorIs(t, dbmodule.Classify(dbmodule.PostgreSQL, err), want, mode)
	}
}

// The driver's own errors, not imitations of them.
func TestSQLiteErrorsOfTheDriver(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	for _, query := range []string{
		`CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, age INTEGER CONSTRAINT ck_age CHECK (age > 0), name TEXT NOT NULL)`,
		`CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)`,
		`INSERT INTO users (id, email, name) VALUES (1, '` + secret + `', 'n')`,
	} {
		_, err := db.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	for query, want := range map[string]dbmodule.Error{
		`INSERT INTO users (email, name) VALUES ('` + secret + `', 'n')`: {Kind: dbmodule.ErrUnique, Code: "2067", Table: "users", Column: "email"},
		`INSERT INTO users (id, name) VALUES (1, 'n')`:                   {Kind: dbmodule.ErrUnique, Code: "1555", Table: "users", Column: "id"},
		`INSERT INTO users (age, name) VALUES (-1, '` + secret + `')`:    {Kind: dbmodule.ErrCheck, Code: "275", Constraint: "ck_age"},
		`INSERT INTO users (email) VALUES ('` + secret + `')`:            {Kind: dbmodule.ErrNotNull, Code: "1299", Table: "users", Column: "name"},
		`INSERT INTO users (id, name) VALUES ('` + secret + `', 'n')`:    {Kind: dbmodule.ErrValue, Code: "20"},
		`INSERT INTO posts (user_id) VALUES (2)`:                         {Kind: dbmodule.ErrForeignKey, Code: "787"},
		`SELECT json('{` + secret + `')`:                                 {Kind: dbmodule.ErrValue, Code: "1"},
		`PRAGMA query_only = 1; DELETE FROM posts`:                       {Kind: dbmodule.ErrReadOnly, Code: "8"},
	} {
		_, err := db.ExecContext(t.Context(), query)
		var got *dbmodule.Error
		require.ErrorAs(t, dbmodule.Classify(dbmodule.SQLite, err), &got, query)
		require.ErrorIs(t, got, want.Kind, query)
		assert.Equal(t, []string{want.Code, want.Constraint, want.Table, want.Column}, []string{got.Code, got.Constraint, got.Table, got.Column}, query)
		assert.NotContains(t, got.Error(), secret)
		_, err = db.ExecContext(t.Context(), "PRAGMA query_only = 0")
		require.NoError(t, err)
	}

	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "INSERT INTO posts (user_id) VALUES (2)")
	require.NoError(t, err, "deferred")
	require.ErrorIs(t, dbmodule.Classify(dbmodule.SQLite, tx.Commit()), dbmodule.ErrForeignKey)
}
