package sqlconn

import (
	"slices"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Prepared lists the texts of the prepared statements of the connection, for tests.
func (c *Conn) Prepared() []string {
	texts := []string{}
	if c.statements != nil {
		c.statements.dropOutdated()
		texts = append(texts, c.statements.cache.Texts()...)
	}
	slices.Sort(texts)
	return texts
}

// ReplacePrepared replaces the prepared statements of the connection, for tests.
func (c *Conn) ReplacePrepared(by func(engine.Stmt) engine.Stmt) {
	for _, e := range c.statements.cache.All() {
		e.Statement.Stmt = by(e.Statement.Stmt)
	}
}
