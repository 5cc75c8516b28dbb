package dbmodule

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Begin begins the session's transaction, whose BEGIN waits for its first statement,
// by something else than BEGIN if that is not "".
func Begin(ctx context.Context, s *Session, by string) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	if by != "" {
		s.held.raw.waiting.begin = by
	}
	return nil
}

// PrepareOn prepares on the session's connection as database/sql does.
func PrepareOn(ctx context.Context, s *Session, query string) error {
	st, err := s.held.conn.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	return st.Close()
}

// PgxOf is what a session's connection is to pgx.
func PgxOf(s *Session) *pgx.Conn { return s.held.raw.Conn.(*stdlib.Conn).Conn() }

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
