package apptest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// RowsRead is how many rows and index entries a server of MySQL or MariaDB reads for what is
// done with a connection; -1 on the other engines, which do not tell.
func RowsRead(t testing.TB, s *Server, do func(db bun.IDB)) int64 {
	t.Helper()
	conn, err := s.DB.DB().Conn(t.Context())
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	if s.DB.Engine() != dbmodule.MySQL {
		do(conn)
		return -1
	}
	read := func() (sum int64) {
		var counters []struct {
			Name  string `bun:"Variable_name"`
			Value int64  `bun:"Value"`
		}
		require.NoError(t, conn.NewRaw("SHOW SESSION STATUS LIKE 'Handler_%'").Scan(t.Context(), &counters))
		for _, c := range counters {
			if strings.HasPrefix(c.Name, "Handler_read_") || c.Name == "Handler_icp_attempts" {
				sum += c.Value
			}
		}
		return sum
	}
	first := read()
	before := read()
	do(conn)
	return read() - before - (before - first) // to look at the counters reads some, too
}
