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

// Verdict is what an error of a driver means. The zero value is for an error that the engine
// does not know.
type Verdict struct {
	// Kind is one of dberr's sentinels, nil for none.
	Kind error
	// Code is the engine's code for the error, "" if the error does not come from a server.
	Code string
	// Constraint, Table and Column are set if the engine names them.
	Constraint, Table, Column string
	// Text is the driver's message without the values of rows. It is "" if the error does not
	// come from a database.
	Text string
	// LosesTransaction is set if the server has, or may have, rolled back the whole
	// transaction by itself. A later statement would commit by itself.
	LosesTransaction bool
	// LosesConnection is set if the connection must not be used again: the server is gone, has
	// closed it, or refuses writes because it is no longer the primary. A read-only
	// transaction keeps its connection if Kind is dberr.ErrReadOnly.
	LosesConnection bool
	// Answered is set if the database itself refused the statement. After COMMIT it means
	// that nothing is stored.
	Answered bool
	// Outdated says which prepared statements are outdated, if a prepared statement failed.
	Outdated Outdated
}

// Outdated says which prepared statements of a connection have to be prepared again.
type Outdated int

const (
	// NoneOutdated means that preparing the statement again does not help.
	NoneOutdated Outdated = iota
	// OneOutdated means that the statement may have failed because its table, for example, has
	// changed since it was prepared.
	OneOutdated
	// AllOutdated means that the server has none of the connection's statements any more.
	AllOutdated
)

// Judge says what an error of an engine's driver means. It also finds the driver's error
// inside an error that has its type already.
type Judge func(err error) Verdict

// Typed gives a driver's error its type, and returns the verdict on it. An error without a
// kind, and one that has its type already, is returned as it is.
//
// driver.ErrBadConn is replaced: if database/sql saw it, it would send the statement again.
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

// Error makes an error of that kind with err as its cause. Its text is that of err without
// the values of rows.
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

// TextWithoutValues returns the text of an error without the values of rows. An error without
// a type, such as a failed conversion, may quote them.
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

// ErrConnLost replaces driver.ErrBadConn once a statement was passed to the driver: if
// database/sql saw driver.ErrBadConn, it would send the statement again.
var ErrConnLost = errors.New("the connection was lost")

// WithoutBadConn replaces driver.ErrBadConn by ErrConnLost.
func WithoutBadConn(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return ErrConnLost
	}
	return err
}

// WithoutContext drops an error that only repeats that a context ended.
func WithoutContext(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Network judges an error of the network: a connection broke or could not be made. lost are
// the errors of the engine's driver that mean the same.
func Network(err error, lost ...error) Verdict {
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, ErrConnLost), lostConnection(err, lost):
		return Verdict{Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true}
	case Dialling(err):
		return Verdict{Kind: dberr.ErrUnavailable}
	}
	return Verdict{}
}

// ByCaller corrects the verdict on an error that the caller's context caused: such an error
// says nothing about the database. connecting is set for an attempt to connect. If that ran
// out of time, the verdict stays, because the time limit is usually the driver's own.
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

// Dialling reports whether err is the error of an attempt to connect.
func Dialling(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// lostConnection reports whether err means that a connection broke.
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

// RefusedTLS reports whether client and server could not agree on TLS. Trying again does not
// help.
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

// WithoutQuoted replaces everything from the first quotation mark to the last one. A quoted
// value may contain quotation marks, which no server escapes, so all text in between may
// belong to values. Servers use the quotation marks of their language.
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
