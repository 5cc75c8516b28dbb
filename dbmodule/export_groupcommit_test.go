package dbmodule

import (
	"database/sql/driver"
	"errors"

	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
)

// What bounds groups.
const (
	GroupUnits = groupcommit.MaxUnits
	GroupAge   = groupcommit.MaxAge
	// GroupPause is how long units of work commit one by one after a group failed.
	GroupPause = groupcommit.Pause
	QuickUnit  = groupcommit.QuickUnit
	SlowUnits  = groupcommit.SlowUnits
)

// GroupedCommits returns how many COMMITs stored how many units of work of
// sessions, both 0 where they don't share.
func GroupedCommits(d *Database) (commits, units int64) {
	return d.pools.connector.Groups.Committed()
}

// BreakConn marks the session's connection as one that the pool should not keep.
func BreakConn(s *Session) { s.held.raw.Discard() }

// LoseConn has the session's connection closed at once, as database/sql does
// when a driver calls it bad.
func LoseConn(s *Session) error {
	err := s.held.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}

// KeyRow is the row of an idempotency key.
func KeyRow(key string) *WorkKey { return newWorkKey(key) }
