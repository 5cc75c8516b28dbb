package engine

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
	"unicode/utf8"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
)

// Verdict is all that an error of a driver means. The zero value is an error
// that the engine does not know: it has no kind and costs nothing.
type Verdict struct {
	// Kind is one of dberr's sentinels, nil for an error that is none of them.
	Kind error
	// Code is the engine's own code for the error, "" when no server said it.
	Code string
	// Constraint, Table and Column are filled as far as the engine names them.
	Constraint, Table, Column string
	// Text is the driver's message without the values of rows. It is "" for
	// errors that no database said.
	Text string
	// LosesTransaction is set when the server has rolled the whole transaction
	// back by itself, or may have: a statement that is sent after it would be
	// stored by itself.
	LosesTransaction bool
	// LosesConnection is set when the connection is no good: the server is gone,
	// has closed it, or takes no more writes since it is the primary no longer.
	// A caller in a read-only transaction keeps its connection when Kind is
	// dberr.ErrReadOnly.
	LosesConnection bool
	// Answered is set when the database itself refused the statement. After a
	// COMMIT that means that nothing is stored.
	Answered bool
	// Outdated says what the error tells of prepared statements, if the statement
	// that failed was one.
	Outdated Outdated
}

// Outdated says which prepared statements of a connection have to be prepared again.
type Outdated int

const (
	// NoneOutdated is for an error that preparing again does not mend.
	NoneOutdated Outdated = iota
	// OneOutdated is for a statement that may have failed because something changed
	// since it was prepared, such as its table.
	OneOutdated
	// AllOutdated is for a connection whose server has none of its statements.
	AllOutdated
)

// Judge is what each engine has: it says what an error of its driver means. It
// also finds the driver's error inside an error that has its type already.
type Judge func(err error) Verdict

// Typed gives a driver's error its type, together with the verdict on it. An
// error without a kind, and one that was typed before, comes back unchanged.
//
// driver.ErrBadConn does not survive: if database/sql saw it, it would send the
// statement again.
func (judge Judge) Typed(of dburl.Engine, err error) (Verdict, error) {
	if err == nil {
		return Verdict{}, nil
	}
	v := judge(err)
	var typed *dberr.Error
	if v.Kind == nil || errors.As(err, &typed) {
		return v, err
	}
	return v, v.Error(of, WithoutBadConn(err))
}

// Error returns an error of that kind, caused by err. Its text repeats that of the
// cause without the values of rows.
func (judge Judge) Error(of dburl.Engine, kind, err error) *dberr.Error {
	return Verdict{Kind: kind, Text: judge(err).Text}.Error(of, err)
}

// Error makes the typed error of a verdict.
func (v Verdict) Error(of dburl.Engine, cause error) *dberr.Error {
	text := v.Text
	if text == "" {
		text = cause.Error()
	}
	return dberr.Wrap(dberr.Error{
		Kind: v.Kind, Engine: of, Code: v.Code, Constraint: v.Constraint, Table: v.Table, Column: v.Column,
	}, cause, text)
}

// TextWithoutValues is the text of any error, for a log that must not show
// values. An error without a type, such as a failed conversion, quotes them.
func (judge Judge) TextWithoutValues(err error) string {
	var typed *dberr.Error
	if errors.As(err, &typed) {
		return typed.Error()
	}
	if text := judge(err).Text; text != "" {
		return text
	}
	return WithoutQuoted(err.Error())
}

// ErrConnLost stands in for driver.ErrBadConn once a statement was handed to
// the driver: if database/sql saw the original, it would send the statement again.
var ErrConnLost = errors.New("the connection was lost")

// WithoutBadConn replaces driver.ErrBadConn by ErrConnLost.
func WithoutBadConn(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return ErrConnLost
	}
	return err
}

// Network judges an error that no server said: a connection that broke or could
// not be made. lost are the errors by which the engine's driver says that too.
func Network(err error, lost ...error) Verdict {
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, ErrConnLost), lostConnection(err, lost):
		return Verdict{Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true}
	case Dialling(err):
		return Verdict{Kind: dberr.ErrUnavailable}
	}
	return Verdict{}
}

// ByCaller corrects a verdict on an error that the caller's context caused: that
// the caller went away says nothing about the database. The exception is an
// attempt to connect that ran out of time (connecting is set), since the limit is
// usually the driver's own.
func (v Verdict) ByCaller(err error, connecting bool) Verdict {
	cancelled := errors.Is(err, context.Canceled)
	if cancelled {
		v.LosesConnection = false // the drivers close what a context interrupted
	}
	if cancelled || errors.Is(err, context.DeadlineExceeded) && !connecting {
		v.Kind, v.Code, v.Constraint, v.Table, v.Column = nil, "", "", "", ""
	}
	return v
}

// Dialling tells the errors of an attempt to connect.
func Dialling(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// lostConnection tells the errors of a connection that broke.
func lostConnection(err error, drivers []error) bool {
	var op *net.OpError
	var dns *net.DNSError
	if errors.As(err, &op) || errors.As(err, &dns) {
		return true
	}
	for _, lost := range append(drivers,
		io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, io.ErrClosedPipe, net.ErrClosed, os.ErrDeadlineExceeded,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.ETIMEDOUT,
	) {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// RefusedTLS tells that client and server could not agree on TLS: trying again
// does not help.
func RefusedTLS(err error) bool {
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

// WithoutQuoted replaces everything from the first quotation mark to the last
// one. What is quoted may hold quotation marks of its own, which no server
// escapes, so nothing in between can be trusted. Servers that speak other
// languages use other marks.
func WithoutQuoted(message string) string {
	const marks = "'\"«»‹›„“”‘’「」"
	start := strings.IndexAny(message, marks)
	if start < 0 {
		return message
	}
	end := strings.LastIndexAny(message, marks)
	if end <= start {
		return message[:start] + "…"
	}
	_, size := utf8.DecodeRuneInString(message[end:])
	return message[:start] + "'…'" + message[end+size:]
}
