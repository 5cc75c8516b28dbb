package sqlconn

import (
	"fmt"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// ownEnd refuses a session's COMMIT or ROLLBACK as text: others may share the
// transaction.
func (g *commitGroup) ownEnd(query string) error {
	if g == nil || !g.conn.state.Strict {
		return nil
	}
	if word := sqltext.EndsTransaction(sqltext.SQLite, query); word != "" {
		return fmt.Errorf("dbmodule: %s as a statement of a session: others may share its transaction (see DATABASE_GROUP_COMMIT): call the session's Commit or Rollback", word)
	}
	return nil
}
