package sqlconn

import (
	"database/sql"
	"time"
)

// inUTC returns a time as Bun writes it into a statement: in UTC, and truncated to
// microseconds. Other values are returned as they are. Without this, a driver would drop
// the zone (PostgreSQL's timestamp), store it in a text that SQLite compares by its digits,
// or let the server round.
func inUTC(value any) any {
	switch t := value.(type) {
	case time.Time:
		return t.UTC().Truncate(time.Microsecond)
	case *time.Time:
		if t != nil {
			return t.UTC().Truncate(time.Microsecond)
		}
	case sql.NullTime:
		if t.Valid {
			return t.Time.UTC().Truncate(time.Microsecond)
		}
	}
	return value
}
