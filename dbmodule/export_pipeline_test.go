package dbmodule

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Begin begins the session's transaction, whose BEGIN waits for its first statement.
func Begin(ctx context.Context, s *Session) error { return s.begin(ctx) }

// PgxOf is what a session's connection is to pgx.
func PgxOf(s *Session) *pgx.Conn { return s.held.raw.Unwrap().(*stdlib.Conn).Conn() }
