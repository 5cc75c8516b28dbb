package committed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/committed"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What is rolled back is not counted, nor what an attempt did that is run again.
func TestCounter(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL("sqlite://")
	require.NoError(t, err)
	db := dbtest.Open(t, cfg)
	var counter committed.Counter
	failed := errors.New("failed")
	require.ErrorIs(t, db.Sessions().InTx(t.Context(), func(_ context.Context, s *dbmodule.Session) error {
		counter.Add(s, 1)
		return failed
	}), failed)
	require.Zero(t, counter.Value())
	again := true
	require.NoError(t, db.Sessions().InTx(t.Context(), func(_ context.Context, s *dbmodule.Session) error {
		counter.Add(s, 10)
		require.Zero(t, counter.Value(), "before it is committed")
		if again {
			again = false
			return dbmodule.ErrConflict
		}
		return nil
	}))
	require.EqualValues(t, 10, counter.Value())
}
