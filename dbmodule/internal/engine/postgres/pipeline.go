package postgres

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pipeline sends a PostgreSQL transaction's BEGIN together with its first
// statement, which saves one of the three trips of a unit of work that is one
// statement. pgx sends BEGIN by itself; so this stands between pgx and the
// connection, puts the messages of BEGIN in front of those of the statement, and
// takes the answers to them away again.
//
// No Sync follows BEGIN: should that fail, the server skips the statement, and
// pgx is given the error as the statement's.
type pipeline struct {
	w io.Writer
	r *bufio.Reader
	// ahead are the messages that go in front of what pgx writes next.
	ahead []byte
	// answers are still to be taken away.
	answers int
	// through is how much of a message goes to pgx that no answer is.
	through int
	// raw and look tell whether something has arrived.
	raw   syscall.RawConn
	look  func(fd uintptr)
	quiet bool
}

const (
	pipelineKey = "dbmodule.pipeline"
	// answerBuffer has room for the answers to BEGIN and to a short statement. It
	// is not used for longer ones, or without BEGIN.
	answerBuffer = 1 << 10
	// keptAhead bounds what is kept of a long statement's memory.
	keptAhead = 64 << 10
	// beginAnswers are those to Parse, Bind and Execute.
	beginAnswers = 3
	// messageHeader is a message's type and its length, which counts itself.
	messageHeader, messageType = 5, 1
)

// withPipeline gives the connection that is made from a configuration one.
func withPipeline(config *pgx.ConnConfig) {
	var last *pipeline // of the hosts that are tried, one after the other
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		last = newPipeline(r, w)
		return pgproto3.NewFrontend(last, last)
	}
	config.AfterConnect = func(_ context.Context, made *pgconn.PgConn) error {
		last.lookAt(made.Conn())
		made.CustomData()[pipelineKey] = last
		return nil
	}
}

func newPipeline(r io.Reader, w io.Writer) *pipeline {
	return &pipeline{w: w, r: bufio.NewReaderSize(r, answerBuffer)}
}

// pipelineOf returns a connection's, nil if it has none.
func pipelineOf(pg *pgx.Conn) *pipeline {
	found, _ := pg.PgConn().CustomData()[pipelineKey].(*pipeline)
	return found
}

// lookAt prepares idle, which looks at the connection's socket.
func (p *pipeline) lookAt(conn net.Conn) {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	if socket, ok := conn.(syscall.Conn); ok {
		p.raw, _ = socket.SyscallConn() // nil if there is none
	}
	p.look = func(fd uintptr) { p.quiet = nothingToRead(fd) }
}

// idle reports whether the server has said nothing since the last answer, such as
// that it closes the connection. It sends nothing, and is false if it can't know.
func (p *pipeline) idle() bool {
	p.quiet = false
	// Not by Read, which would wait for the reader that pgx may have left behind
	// after a slow write.
	if p.raw == nil || p.raw.Control(p.look) != nil {
		return false
	}
	return p.quiet
}

// put prepares BEGIN to be sent with what pgx sends next, which must be a prepared
// statement.
func (p *pipeline) put(begin string) (err error) {
	ahead := p.ahead[:0]
	for _, message := range [...]pgproto3.FrontendMessage{
		&pgproto3.Parse{Query: begin}, &pgproto3.Bind{}, &pgproto3.Execute{},
	} {
		if ahead, err = message.Encode(ahead); err != nil {
			return err
		}
	}
	p.ahead = ahead
	return nil
}

// took reports whether BEGIN was sent; if not, it is not going to be.
func (p *pipeline) took() bool {
	sent := len(p.ahead) == 0
	p.ahead = p.ahead[:0]
	return sent
}

// errNotPipelined is what pgx is told instead of having a statement sent that
// would not be skipped when BEGIN fails. It gives up the connection.
var errNotPipelined = errors.New("dbmodule: begin: the statement after it is not a prepared one")

// Write is what pgx writes its messages to.
func (p *pipeline) Write(messages []byte) (int, error) {
	before := len(p.ahead)
	if before == 0 {
		return p.w.Write(messages)
	}
	if len(messages) == 0 || messages[0] == 'Q' || messages[0] == 'F' {
		return 0, errNotPipelined
	}
	all := append(p.ahead, messages...)
	p.answers = beginAnswers
	if p.ahead = all[:0]; cap(all) > keptAhead {
		p.ahead = nil
	}
	n, err := p.w.Write(all)
	return max(n-before, 0), err
}

// Read is what pgx reads the server's messages from.
func (p *pipeline) Read(to []byte) (int, error) {
	if p.answers > 0 && p.through == 0 {
		if err := p.takeAway(); err != nil {
			return 0, err
		}
	}
	if p.through > 0 {
		n, err := p.r.Read(to[:min(len(to), p.through)])
		p.through -= n
		return n, err
	}
	return p.r.Read(to)
}

// takeAway removes the answers to BEGIN. What the server may say at any time goes
// through, and so does all that follows an error.
func (p *pipeline) takeAway() error {
	for p.answers > 0 {
		header, err := p.r.Peek(messageHeader)
		if err != nil {
			return err
		}
		size := messageType + int(binary.BigEndian.Uint32(header[messageType:]))
		switch {
		case slices.Contains(anyTime, header[0]):
			p.through = size
			return nil
		case header[0] != beginAnswer[beginAnswers-p.answers]:
			p.answers = 0
			return nil
		}
		if _, err := p.r.Discard(size); err != nil {
			return err
		}
		p.answers--
	}
	return nil
}

var (
	// beginAnswer are the types of the answers: ParseComplete, BindComplete and
	// CommandComplete.
	beginAnswer = [beginAnswers]byte{'1', '2', 'C'}
	// anyTime are those of NoticeResponse, ParameterStatus and NotificationResponse.
	anyTime = []byte{'N', 'S', 'A'}
)
