package credentials_test

import (
	"os/user"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/credentials"
)

// Who logs in is said by the URL, or else by the operating system, not by $USER.
func TestAccount(t *testing.T) {
	t.Setenv("USER", "evil")
	current, err := user.Current()
	require.NoError(t, err)
	for raw, want := range map[string]string{"postgresql://ann@h/db": "ann", "postgresql://h/db": current.Username, "mysql://h/db": current.Username} {
		u, err := dburl.ParseURL(raw)
		require.NoError(t, err)
		name, err := credentials.Account(u)
		require.NoError(t, err, raw)
		assert.Equal(t, want, name, raw)
	}
}
