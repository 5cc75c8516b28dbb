package migrations

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What is deleted at a time is bounded in bytes, whatever its kind: on SQLite nobody writes
// meanwhile. One event that is larger is deleted alone.
func TestCleaningTakesFewBytesAtATime(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite)).DB()
	_, err := db.ExecContext(t.Context(), "CREATE TABLE events (seq INTEGER PRIMARY KEY, conversation_id TEXT, id TEXT, kind TEXT, source TEXT, ts INTEGER, payload TEXT)")
	require.NoError(t, err)
	for i, kind := range []string{deltaKind, stateKind} {
		for n, size := range []int{10, cleanBytes / 2, cleanBytes / 2, cleanBytes / 4, 2 * cleanBytes, 10} {
			_, err := db.ExecContext(t.Context(), "INSERT INTO events VALUES (?, 'a', ?, ?, 'agent', ?, ?)", 10*i+n, n, kind, n, strings.Repeat("x", size))
			require.NoError(t, err)
		}
		w, taken := begin("a"), []int(nil)
		for w.Kind = kind; ; {
			rows, err := w.next(t.Context(), db)
			require.NoError(t, err)
			if len(rows) == 0 {
				break
			}
			taken = append(taken, len(rows))
			last := rows[len(rows)-1]
			w.Time, w.Seq = last.Ts, last.Seq
		}
		assert.Equal(t, []int{2, 2, 1, 1}, taken, kind)
	}
}
