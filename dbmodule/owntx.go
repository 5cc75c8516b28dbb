package dbmodule

import (
	"context"

	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/uptrace/bun"
)

// A session's transaction is not a sql.Tx, which costs a goroutine and several
// contexts: it is begun and ended by statements on the session's connection, whose call
// says that they are the session's own. So Bun's hooks see BEGIN, COMMIT and ROLLBACK
// as they do with a bun.Tx, and each obeys the context of its own call.

// control begins or ends the session's transaction.
func (s *Session) control(of *sqlconn.Call) error {
	_, err := s.held.conn.ExecContext(of, of.Does.Text())
	return err
}

// adopt returns the session's transaction as a bun.Tx, for savepoints. It is made
// once they are wanted.
func (s *Session) adopt(ctx context.Context) (bun.Tx, error) {
	if s.adopted.Tx != nil {
		return s.adopted, nil
	}
	adopted, err := s.held.conn.BeginTx(&sqlconn.Call{Caller: context.WithoutCancel(ctx), On: s.held.raw, Does: sqlconn.Adopts}, nil)
	if err == nil {
		s.adopted = adopted
	}
	return adopted, err
}

// letGo ends what adopt returned; the transaction goes on.
func (s *Session) letGo() {
	if s.adopted.Tx != nil {
		_ = s.adopted.Tx.Rollback() // of an adoptedTx
	}
	s.adopted = bun.Tx{}
}
