package dbtest_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dbtest"
)

// A database's programs may be there without the user that a package makes: the servers of tests
// then run as the user nobody, and never as root.
func TestServersRunWithoutTheirOwnUser(t *testing.T) {
	t.Parallel()
	uid, err := dbtest.RunsAs("no-such-user")
	require.NoError(t, err)
	if os.Geteuid() == 0 {
		assert.Positive(t, uid)
	} else {
		assert.Equal(t, -1, uid)
	}
}
