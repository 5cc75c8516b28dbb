//go:build !linux

package dbtest

import (
	"testing"

	"github.com/openhands-go/server/dbmodule"
)

// StartPooler starts PgBouncer in front of the server of a PostgreSQL URL and
// returns the URL of PgBouncer. It works only on Linux; elsewhere it skips t.
func StartPooler(t testing.TB, _, _ string, _ int) string {
	t.Helper()
	shared.giveUp(t, dbmodule.PostgreSQL, &missingError{"dbtest: PgBouncer is started on Linux only"})
	return ""
}
