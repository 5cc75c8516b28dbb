package sqlconn

import (
	"database/sql"
	"time"
)

// momentOf returns a time as Bun writes it into a statement: in UTC, and cut to
// microseconds. Drivers by themselves drop the zone (PostgreSQL's timestamp), keep it
// in a text that compares by its digits (SQLite), or let the server round.
func momentOf(value any) any {
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
