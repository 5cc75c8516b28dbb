package enginetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Opens checks what an engine opens for the URL of a database that is there.
func Opens(t *testing.T, open func(engine.Target) (engine.Opened, error), raw string) {
	t.Helper()
	u, err := dburl.ParseURL(raw)
	require.NoError(t, err)
	target := engine.Target{URL: u, ConnectTimeout: 10 * time.Second}

	opened, err := open(target)
	require.NoError(t, err)
	assert.NotNil(t, opened.Judge)
	assert.NotNil(t, opened.Dialect)
	assert.Equal(t, 1, opened.Attempts, "the URL names one host")
	conn, err := opened.Open(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Ping(t.Context()))
	require.NoError(t, conn.Close())
	if opened.Wait != nil {
		opened.Wait()
	}
}

// AsksForPasswords checks that the password is asked for each connection that is made,
// and what becomes of a source that has none.
func AsksForPasswords(t *testing.T, open func(engine.Target) (engine.Opened, error), raw string) {
	t.Helper()
	u, err := dburl.ParseURL(raw)
	require.NoError(t, err)
	asked, none := 0, errors.New("the vault is shut")
	opened, err := open(engine.Target{URL: u, ConnectTimeout: 10 * time.Second, Password: func(context.Context) (string, error) {
		if asked++; asked > 2 {
			return "", none
		}
		return u.Password().Reveal(), nil
	}})
	require.NoError(t, err)
	for range 2 {
		conn, err := opened.Open(t.Context())
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	_, err = opened.Open(t.Context())
	require.ErrorIs(t, err, none)
	require.ErrorIs(t, err, dberr.ErrUnavailable)
	require.ErrorContains(t, err, "no password to log in with")
	assert.Equal(t, 3, asked)
	if opened.Wait != nil {
		opened.Wait()
	}
}
