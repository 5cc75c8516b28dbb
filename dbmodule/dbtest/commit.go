package dbtest

import (
	"bytes"
	"encoding/binary"

	"github.com/openhands-go/server/dbmodule"
)

// commitSpotter finds COMMIT in the messages that a client sends.
type commitSpotter struct {
	engine  dbmodule.Engine
	started bool // PostgreSQL: the start-up message was sent, so later messages have a type
	rest    []byte
}

func newCommitSpotter(engine dbmodule.Engine) *commitSpotter { return &commitSpotter{engine: engine} }

// spot reads the next bytes and reports whether a COMMIT ended in them.
func (s *commitSpotter) spot(b []byte) bool {
	s.rest = append(s.rest, b...)
	found := false
	for {
		message, size := s.next()
		if size == 0 {
			return found
		}
		found = found || isCommit(message)
		s.rest = s.rest[size:]
	}
}

// next returns the SQL text of the first complete message, or nil if the message has
// none, and the message's size, or 0 if no message is complete yet.
func (s *commitSpotter) next() (text []byte, size int) {
	if s.engine == dbmodule.MySQL {
		return s.nextMySQL()
	}
	return s.nextPostgreSQL()
}

func (s *commitSpotter) nextMySQL() ([]byte, int) {
	const header, comQuery = 4, 3
	if len(s.rest) < header {
		return nil, 0
	}
	size := header + (int(s.rest[0]) | int(s.rest[1])<<8 | int(s.rest[2])<<16)
	if len(s.rest) < size {
		return nil, 0
	}
	if s.rest[3] == 0 && size > header && s.rest[header] == comQuery { // number 0: a command of the client
		return s.rest[header+1 : size], size
	}
	return nil, size
}

func (s *commitSpotter) nextPostgreSQL() ([]byte, int) {
	const protocol3 = 3 << 16
	head, least := 1, 5 // the type, and the length after it
	if !s.started {
		head, least = 0, 8
	}
	if len(s.rest) < least {
		return nil, 0
	}
	size := head + int(binary.BigEndian.Uint32(s.rest[head:]))
	if len(s.rest) < size {
		return nil, 0
	}
	if !s.started {
		s.started = binary.BigEndian.Uint32(s.rest[4:]) == protocol3 // otherwise the client asks for TLS, or cancels a statement
		return nil, size
	}
	body := s.rest[head+4 : size]
	switch s.rest[0] {
	case 'Q':
		return body, size
	case 'P': // the statement's name comes first
		_, query, _ := bytes.Cut(body, []byte{0})
		return query, size
	}
	return nil, size
}

func isCommit(text []byte) bool {
	const verb = "commit"
	text = bytes.TrimSpace(text)
	if len(text) < len(verb) || !bytes.EqualFold(text[:len(verb)], []byte(verb)) {
		return false
	}
	return len(text) == len(verb) || bytes.IndexByte([]byte(" ;\x00"), text[len(verb)]) >= 0
}
