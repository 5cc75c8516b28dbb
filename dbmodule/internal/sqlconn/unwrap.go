package sqlconn

import (
	"database/sql/driver"
)

// Unwrap returns the connection of the engine's own driver, for features that only the
// driver has, such as SQLite's online backup. A caller of (*sql.Conn).Raw gets a value with
// this method. Use of the driver's connection is neither logged nor limited, and its errors
// have no type.
func (c *Conn) Unwrap() driver.Conn { return c.inner.Driver() }
