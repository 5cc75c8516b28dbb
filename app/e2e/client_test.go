package e2e_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/openhands-go/server/dbmodule/dbtest"
)

// TestClient runs every call of the npm client against the server on each
// engine, stops the server, and starts it again on the same database with a
// key: what was stored must be there, for those who have the key.
func TestClient(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			database := dbtest.URL(t, engine)
			marker := "MARKER=" + uuid.NewString()
			key := uuid.NewString()

			p := server(t, database)
			node(t, "client.mjs", p, marker)
			p.stop(t)

			p = server(t, database, "SESSION_API_KEY="+key)
			node(t, "restarted.mjs", p, marker, "API_KEY="+key)
			p.stop(t)
		})
	}
}
