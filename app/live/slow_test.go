package live_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// A client for which more waits than its queue takes is closed, and never sees a gap.
func TestSlowClientSeesNoGap(t *testing.T) {
	t.Parallel()
	const events = 10
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite))
	base := s.Listen(t)
	store(t, s, "first")
	c := open(t, base, "/sockets/session/"+id)
	c.next()
	large := strings.Repeat("x", 4<<20) // more than the queue and the sockets' buffers together, in all
	for i := range events {
		apptest.JSON[any](t, s, "POST", push, fmt.Sprintf(`[{"id":"e%d","text":%q}]`, i, large), 200)
	}
	next := int64(1)
	for ; ; next++ {
		f, _, err := c.read()
		if err != nil {
			break
		}
		require.Equal(t, next, *f.Seq)
	}
	assert.Less(t, next, int64(events+1), "all came: nothing overflowed")
	last := open(t, base, fmt.Sprint("/sockets/session/", id, "?after_seq=", next-1)) // it comes back
	assert.Equal(t, next, *last.next().From)
	for ; next <= events; next++ {
		require.Equal(t, next, *last.next().Seq)
	}
}
