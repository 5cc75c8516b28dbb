//go:build !linux

package dbtest

import (
	"testing"

	"github.com/openhands-go/server/dbmodule"
)

// StartPooler starts PgBouncer in front of the server of a PostgreSQL URL and
// returns the URL through it. It is for Linux: elsewhere the test is skipped.
func StartPooler(t testing.TB, _, _ string, _ int) string {
	t.Helper()
	shared.giveUp(t, dbmodule.PostgreSQL, &missingError{"dbtest: PgBouncer is started on Linux only"})
	return ""
}
