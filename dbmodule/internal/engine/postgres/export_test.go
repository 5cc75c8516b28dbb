package postgres

import (
	"bytes"
	"fmt"
	"io"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// SetBegin makes the connection begin its transaction by something else than BEGIN.
func SetBegin(c engine.Conn, by string) { c.(*conn).opened = by }

// Pipelined sends BEGIN ahead of a statement and returns what was written, and what
// is left of the answer.
func Pipelined(answer io.Reader, statement string) (sent string, rest []byte, err error) {
	var written bytes.Buffer
	p := newPipeline(answer, &written)
	if err := p.put("begin"); err != nil {
		return "", nil, err
	}
	if n, err := p.Write([]byte(statement)); err != nil || n != len(statement) {
		return written.String(), nil, fmt.Errorf("%d bytes written: %w", n, err)
	}
	rest, err = io.ReadAll(p)
	return written.String(), rest, err
}

var (
	ParseLSN     = parseLSN
	ShuffleHosts = shuffleHosts
)
