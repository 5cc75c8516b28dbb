package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	raw := dbtest.URL(t, dburl.PostgreSQL)
	enginetest.Opens(t, postgres.Open, raw)
	enginetest.AsksForPasswords(t, postgres.Open, raw)
}

// Each host is tried with TLS and without, one attempt after the other.
func TestEachAttemptCounts(t *testing.T) {
	t.Parallel()
	for raw, attempts := range map[string]int{
		"postgresql://u:p@a/db": 1, "postgresql://u:p@a,b/db": 4, "postgresql://u:p@a,b,c/db?sslmode=disable": 3,
	} {
		opened, err := postgres.Open(engine.Target{URL: parse(t, raw)})
		require.NoError(t, err)
		assert.Equal(t, attempts, opened.Attempts, raw)
	}
}
