package postgres_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

func pg(code, message string) *pgconn.PgError {
	return &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: message}
}

func fatal(code, message string) *pgconn.PgError {
	return &pgconn.PgError{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: message}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	enginetest.Verdicts(t, dburl.PostgreSQL, postgres.Judge, map[string]enginetest.Case{
		"unique": {
			Err: &pgconn.PgError{
				Severity: "ERROR", Code: "23505", Message: `duplicate key value violates unique constraint "uq_email"`,
				Detail: "Key (email)=(" + enginetest.Secret + ") already exists.", TableName: "users", ConstraintName: "uq_email",
			},
			Kind: dberr.ErrUnique, Constraint: "uq_email", Table: "users", Column: "email",
		},
		"unique in German": {
			Err:  &pgconn.PgError{Code: "23505", Message: "doppelter Schlüsselwert", Detail: `Schlüssel »("E-Mail", tenant_id)=(` + enginetest.Secret + `, 1)« existiert bereits.`},
			Kind: dberr.ErrUnique, Column: "E-Mail, tenant_id",
		},
		"unique expression": {
			Err:  &pgconn.PgError{Code: "23505", Message: "duplicate key", Detail: "Key (lower(email::text))=(" + enginetest.Secret + ") already exists."},
			Kind: dberr.ErrUnique,
		},
		"unique without detail": {Err: pg("23505", "duplicate key"), Kind: dberr.ErrUnique},
		"unique by a function": {
			Err:  &pgconn.PgError{Code: "23505", Message: "duplicate key", Routine: "exec_stmt_raise", Detail: "Key (" + enginetest.Secret + ")=(1)."},
			Kind: dberr.ErrUnique,
		},
		"foreign key of the row": {
			Err:  &pgconn.PgError{Code: "23503", Message: `insert or update on table "books" violates foreign key constraint "fk"`, Detail: `Key (author_id)=(7) is not present in table "authors".`},
			Kind: dberr.ErrForeignKey, Column: "author_id",
		},
		"foreign key of others": {
			Err:  &pgconn.PgError{Code: "23503", Message: `update or delete on table "authors" violates foreign key constraint "fk" on table "books"`, Detail: `Key (id)=(7) is still referenced from table "books".`, TableName: "books"},
			Kind: dberr.ErrForeignKey, Table: "books",
		},
		"exclusion":   {Err: pg("23P01", `conflicting key value violates exclusion constraint "ex"`), Kind: dberr.ErrUnique},
		"foreign key": {Err: pg("23503", `violates foreign key constraint "fk"`), Kind: dberr.ErrForeignKey},
		"restrict":    {Err: pg("23001", `violates RESTRICT setting of foreign key constraint "fk"`), Kind: dberr.ErrForeignKey},
		"check":       {Err: pg("23514", `violates check constraint "ck"`), Kind: dberr.ErrCheck},
		"view check":  {Err: pg("44000", `new row violates check option for view "v"`), Kind: dberr.ErrCheck},
		"not null": {
			Err:  &pgconn.PgError{Code: "23502", Message: "null value", Detail: "Failing row contains (" + enginetest.Secret + ").", TableName: "t", ColumnName: "c"},
			Kind: dberr.ErrNotNull, Table: "t", Column: "c",
		},
		"raised by a function": {
			Err:  &pgconn.PgError{Code: "23505", Message: "no " + enginetest.Secret, Routine: "exec_stmt_raise"},
			Kind: dberr.ErrUnique,
		},
		"too long":               {Err: pg("22001", "value too long for type character varying(3)"), Kind: dberr.ErrValue, Outdated: engine.OneOutdated},
		"bad text":               {Err: pg("22P02", `invalid input syntax for type integer: "a"b `+enginetest.Secret+`"`), Kind: dberr.ErrValue, Outdated: engine.OneOutdated},
		"bad text in German":     {Err: pg("22P02", "ungültige Eingabesyntax für Typ integer: »"+enginetest.Secret+"«"), Kind: dberr.ErrValue, Outdated: engine.OneOutdated},
		"out of range":           {Err: pg("22003", `value "`+enginetest.Secret+`" is out of range for type integer`), Kind: dberr.ErrValue, Outdated: engine.OneOutdated},
		"broken UTF-8":           {Err: pg("22021", `invalid byte sequence for encoding "UTF8": 0x00`), Kind: dberr.ErrValue, Outdated: engine.OneOutdated},
		"untranslatable":         {Err: pg("22P05", "unsupported Unicode escape sequence"), Kind: dberr.ErrValue, Outdated: engine.OneOutdated},
		"too deep":               {Err: pg("54001", "stack depth limit exceeded"), Kind: dberr.ErrValue},
		"message not accepted":   {Err: pg("08P01", "invalid message format"), Kind: dberr.ErrValue, Unanswered: true},
		"PgBouncer":              {Err: fatal("08P01", "query_wait_timeout"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"serialization":          {Err: pg("40001", "could not serialize access"), Kind: dberr.ErrConflict},
		"deadlock":               {Err: pg("40P01", "deadlock detected"), Kind: dberr.ErrConflict},
		"lock timeout":           {Err: pg("55P03", "canceling statement due to lock timeout"), Kind: dberr.ErrConflict},
		"stale plan":             {Err: pg("0A000", "cached plan must not change result type"), Kind: dberr.ErrConflict, Outdated: engine.OneOutdated},
		"statements thrown away": {Err: pg("26000", `prepared statement "stmt_1" does not exist`), Kind: dberr.ErrConflict, Outdated: engine.AllOutdated},
		"column renamed":         {Err: pg("42703", `column "a" does not exist`), Outdated: engine.OneOutdated},
		"not supported":          {Err: pg("0A000", "LISTEN is not supported")},
		"completion unknown":     {Err: pg("40003", "result is ambiguous"), Kind: dberr.ErrCommitUnknown, Unanswered: true},
		"cancelled":              {Err: pg("57014", "canceling statement due to statement timeout"), Kind: dberr.ErrTimeout},
		"transaction timeout":    {Err: fatal("25P04", "transaction timeout"), Kind: dberr.ErrTimeout, LosesTransaction: true, LosesConnection: true},
		"shut down":              {Err: fatal("57P01", "terminating connection"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"crash":                  {Err: fatal("57P02", "terminating connection"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"starting":               {Err: fatal("57P03", "the database system is starting up"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"idle in transaction":    {Err: fatal("25P03", "terminating connection"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true},
		"connection failure":     {Err: pg("08006", "connection failure"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"too many connections":   {Err: fatal("53300", "too many clients"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true},
		"disk full":              {Err: pg("53100", "No space left on device"), Kind: dberr.ErrDiskFull},
		"read-only":              {Err: pg("25006", "cannot execute INSERT in a read-only transaction"), Kind: dberr.ErrReadOnly, LosesConnection: true},
		"aborted transaction":    {Err: pg("25P02", "current transaction is aborted"), Kind: dberr.ErrPendingRollback},
		"commit rolled back":     {Err: pgx.ErrTxCommitRollback, Kind: dberr.ErrPendingRollback},
		"wrong password":         {Err: fatal("28P01", "password authentication failed"), Kind: dberr.ErrAccessDenied, LosesTransaction: true, LosesConnection: true},
		"not in pg_hba.conf":     {Err: fatal("28000", "no entry"), Kind: dberr.ErrAccessDenied, LosesTransaction: true, LosesConnection: true},
		"no privilege":           {Err: pg("42501", "permission denied for table t"), Kind: dberr.ErrAccessDenied, Outdated: engine.OneOutdated},
		"no database":            {Err: fatal("3D000", "database does not exist"), Kind: dberr.ErrNoDatabase, LosesTransaction: true, LosesConnection: true},
		"dropped database":       {Err: fatal("57P04", "terminating connection"), Kind: dberr.ErrNoDatabase, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"damaged":                {Err: pg("XX001", "invalid page in block 0"), Kind: dberr.ErrCorrupt},
		"syntax":                 {Err: pg("42601", `syntax error at or near "`+enginetest.Secret+`"`), Outdated: engine.OneOutdated},
		"no table":               {Err: pg("42P01", `relation "t" does not exist`), Outdated: engine.OneOutdated},
		"closed":                 {Err: fmt.Errorf("exec: %w", pgconn.ErrConnClosed), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"end of stream":          {Err: fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"reset":                  {Err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}, Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"refused":                {Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"unknown host":           {Err: &net.DNSError{Err: "no such host"}, Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"certificate":            {Err: fmt.Errorf("tls: %w", x509.UnknownAuthorityError{}), Kind: dberr.ErrAccessDenied, Unanswered: true},
		"driver says bad":        {Err: driver.ErrBadConn, Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"cancelled by caller":    {Err: fmt.Errorf("timeout: %w", context.Canceled), Unanswered: true},
		"deadline of the caller": {Err: fmt.Errorf("timeout: %w", context.DeadlineExceeded), Unanswered: true},
		"no row":                 {Err: sql.ErrNoRows, Unanswered: true},
		"something else":         {Err: errors.New("something else"), Unanswered: true},
	})
}

// Nobody listens on the port: pgx makes its own kind of error of that.
func TestUnreachableServersAreUnavailable(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())

	_, err = pgx.Connect(t.Context(), "postgres://u:hidden@"+address+"/db?sslmode=prefer")
	_, err = engine.Judge(postgres.Judge).Typed(dburl.PostgreSQL, err)
	require.ErrorIs(t, err, dberr.ErrUnavailable)
	assert.NotContains(t, err.Error(), "hidden")
	assert.NotContains(t, err.Error(), "\n")
	assert.Equal(t, 1, strings.Count(err.Error(), "connection refused"), "tried with TLS and without: %v", err)
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
	for mode, want := range map[string]error{"require": dberr.ErrAccessDenied, "prefer": dberr.ErrUnavailable} {
		_, err := pgx.Connect(t.Context(), "postgres://u@"+listener.Addr().String()+"/db?sslmode="+mode)
		verdict := postgres.Judge(err)
		assert.Equal(t, want, verdict.Kind, mode)
		assert.Equal(t, mode == "require", strings.Contains(verdict.Text, "refused TLS"), verdict.Text)
	}
}
