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

// pipeline sends the BEGIN of a transaction together with the first statement, which saves one
// of three round trips for a unit of work with one statement. pgx can't do that. So pipeline
// stands between pgx and the network connection: it writes the messages of BEGIN before those
// of the statement, and removes the answers to them.
//
// No Sync message follows BEGIN. So if BEGIN fails, the server skips the statement, and pgx
// gets the error as the statement's.
type pipeline struct {
	w io.Writer
	r *bufio.Reader
	// ahead are the messages of BEGIN, which are written before the next message of pgx.
	ahead []byte
	// answers is how many answers to BEGIN are not removed yet.
	answers int
	// through is how many bytes are left of a message that is passed on to pgx.
	through int
	// raw and look are for idle.
	raw   syscall.RawConn
	look  func(fd uintptr)
	quiet bool
}

const (
	pipelineKey = "dbmodule.pipeline"
	// answerBuffer is large enough for the answers to BEGIN and to a short statement. Longer
	// answers are read without the buffer.
	answerBuffer = 1 << 10
	// keptAhead limits the memory that ahead keeps after a long statement.
	keptAhead = 64 << 10
	// beginAnswers is the number of answers to BEGIN: to Parse, Bind and Execute.
	beginAnswers = 3
	// messageHeader is the length of a message's type and length. The length includes itself,
	// but not the type.
	messageHeader, messageType = 5, 1
)

// withPipeline makes the connection of a configuration use a pipeline.
func withPipeline(config *pgx.ConnConfig) {
	var last *pipeline // pgx tries several hosts, one after the other
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

// pipelineOf returns the pipeline of a connection, nil for none.
func pipelineOf(pg *pgx.Conn) *pipeline {
	found, _ := pg.PgConn().CustomData()[pipelineKey].(*pipeline)
	return found
}

// lookAt gives idle the connection's socket.
func (p *pipeline) lookAt(conn net.Conn) {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	if socket, ok := conn.(syscall.Conn); ok {
		p.raw, _ = socket.SyscallConn() // nil if there is none
	}
	p.look = func(fd uintptr) { p.quiet = nothingToRead(fd) }
}

// idle reports whether the server has sent nothing since the last answer, for example that it
// closes the connection. It sends nothing, and is false if it can't know.
func (p *pipeline) idle() bool {
	p.quiet = false
	// It does not call Read: after a slow write, pgx may have left a goroutine that reads.
	if p.raw == nil || p.raw.Control(p.look) != nil {
		return false
	}
	return p.quiet
}

// put has BEGIN sent together with the next message of pgx, which must be that of a prepared
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

// took reports whether BEGIN was sent. If not, it will not be sent any more.
func (p *pipeline) took() bool {
	sent := len(p.ahead) == 0
	p.ahead = p.ahead[:0]
	return sent
}

// errNotPipelined is the error of a statement that the server would run even if BEGIN fails.
// pgx closes the connection then.
var errNotPipelined = errors.New("dbmodule: begin: the statement after it is not a prepared one")

// Write implements io.Writer for pgx.
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

// Read implements io.Reader for pgx.
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

// takeAway removes the answers to BEGIN. It passes on messages that the server may send at any
// time, and everything after an error.
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
	// beginAnswer are the types of the answers to BEGIN: ParseComplete, BindComplete and
	// CommandComplete.
	beginAnswer = [beginAnswers]byte{'1', '2', 'C'}
	// anyTime are the types of messages that the server may send at any time: NoticeResponse,
	// ParameterStatus and NotificationResponse.
	anyTime = []byte{'N', 'S', 'A'}
)
