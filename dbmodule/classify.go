package dbmodule

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openhands-go/server/dbmodule/dberr"
)

// classify gives a driver's error its type. What it does not recognise, and
// what it has typed before, comes back unchanged.
//
// An error of the caller's context stays as it is: that the caller went away
// says nothing about the database. The exception is an attempt to connect
// that ran out of time, since the limit is usually the driver's own; it is
// [ErrUnavailable] and still matches context.DeadlineExceeded.
//
// driver.ErrBadConn does not survive: seeing it, database/sql would send the
// statement again.
func classify(engine Engine, err error) error {
	var typed *Error
	if err == nil || errors.As(err, &typed) || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, driver.ErrBadConn) {
		return newError(ErrUnavailable, engine, errConnLost)
	}
	if errors.Is(err, context.DeadlineExceeded) && !connecting(err) {
		return err
	}
	found := recognise(engine, err)
	if found.Kind == nil {
		return err
	}
	found.Engine = engine
	return dberr.Wrap(found, err, driverText(found.Kind, err))
}

func recognise(engine Engine, err error) Error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return recognisePostgreSQL(pg)
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return recogniseMySQL(my)
	}
	if engine == SQLite {
		var lite sqliteError
		if errors.As(err, &lite) {
			return recogniseSQLite(lite)
		}
		return Error{}
	}
	switch {
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return Error{Kind: ErrPendingRollback}
	case errors.Is(err, mysql.ErrPktTooLarge):
		return Error{Kind: ErrValue}
	case refusedHandshake(err):
		return Error{Kind: ErrAccessDenied}
	case lostConnection(err) || connecting(err):
		return Error{Kind: ErrUnavailable}
	}
	return Error{}
}

// connecting tells the errors of an attempt to connect.
func connecting(err error) bool {
	var pg *pgconn.ConnectError
	if errors.As(err, &pg) {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// lostConnection tells the errors of a connection that broke.
func lostConnection(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	if errors.As(err, &op) || errors.As(err, &dns) {
		return true
	}
	for _, lost := range [...]error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, io.ErrClosedPipe, net.ErrClosed, os.ErrDeadlineExceeded,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.ETIMEDOUT,
		pgconn.ErrConnClosed,
		mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer,
	} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// refusedHandshake tells what stops client and server from coming together
// however often they try. With several addresses, all must have refused.
func refusedHandshake(err error) bool {
	for _, refused := range [...]error{
		mysql.ErrNoTLS, mysql.ErrCleartextPassword, mysql.ErrNativePassword, mysql.ErrOldPassword,
		mysql.ErrUnknownPlugin, mysql.ErrOldProtocol,
	} {
		if errors.Is(err, refused) {
			return true
		}
	}
	var pg *pgconn.ConnectError
	if !errors.As(err, &pg) {
		return refusedTLS(err)
	}
	attempts := []error{pg.Unwrap()}
	if joined, ok := attempts[0].(interface{ Unwrap() []error }); ok { // each of them is looked at
		attempts = joined.Unwrap()
	}
	for _, attempt := range attempts {
		if !refusedTLS(attempt) && !refusedByPgx(attempt) {
			return false
		}
	}
	return true
}

func refusedTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		header       tls.RecordHeaderError
		alert        tls.AlertError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &header) || errors.As(err, &alert) ||
		errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// refusedByPgx tells refusals that pgx has no type for.
func refusedByPgx(err error) bool {
	text := err.Error()
	return strings.Contains(text, "server refused TLS connection") ||
		strings.Contains(text, "channel binding") || strings.Contains(text, "SCRAM")
}

// endsTransaction tells errors after which the server has rolled the whole
// transaction back by itself, or may have: a statement sent after one would
// be stored by itself.
func endsTransaction(engine Engine, err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fatalPostgreSQL(pg)
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return endsMySQLTransaction(my)
	}
	if engine == SQLite {
		return endsSQLiteTransaction(err)
	}
	return discardsConn(engine, err)
}

// discardsConn tells errors after which the connection is no good: the server
// is gone, has closed it, or takes no more writes since it is the primary no
// longer. A caller in a read-only transaction keeps its connection when the
// error is [ErrReadOnly].
func discardsConn(engine Engine, err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false // the drivers close what a context interrupted
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fatalPostgreSQL(pg) || pg.Code == "25006"
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return discardsMySQLConn(my)
	}
	if engine == SQLite {
		return discardsSQLiteConn(err)
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, errConnLost) || lostConnection(err)
}
