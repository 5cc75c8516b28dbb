package live

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Streams read in goroutines of their own, where a panic would end the process. It is an error, and
// the next read has its turn and a connection.
func TestReadThatPanics(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	r := &Rooms{sessions: db.Sessions(), reading: make(chan struct{}, 1)}
	for range 10 {
		err := r.read(t.Context(), func(s *dbmodule.Session) error {
			var n int
			require.NoError(t, s.NewRaw("SELECT 1").Scan(t.Context(), &n))
			panic("no")
		})
		require.ErrorContains(t, err, "live: reading panicked: no")
	}
}
