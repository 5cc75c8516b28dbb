package sqlconn

import (
	"database/sql/driver"
)

// Unwrap returns the connection of the engine's own driver, for what only that
// can do, such as SQLite's online backup. (*sql.Conn).Raw hands out what has
// this method. What is done through it is neither logged nor limited, and its
// errors have no type.
func (c *Conn) Unwrap() driver.Conn { return c.inner.Driver() }
