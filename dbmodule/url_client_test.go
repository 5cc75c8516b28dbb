package dbmodule_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func TestClientFlags(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"sqlite:///x.db":   "",
		"postgresql://h/d": "--host=h",
		"postgresql+asyncpg://me:" + marker + "@h:5433/d": "--host=h --port=5433 --username=me",
		"postgresql://me@a:1,b/d":                         "--host=a,b --port=1, --username=me",
		"postgresql://me@/d?host=/run/postgresql":         "--host=/run/postgresql --username=me",
		"mysql://me:" + marker + "@[::1]:3307/d":          "--host=::1 --port=3307 --user=me",
		"mariadb://me@h/d?unix_socket=/run/m.sock":        "--socket=/run/m.sock --user=me",
		"mysql://me@h/d?ssl_ca=/ca.pem&passwd=" + marker:  "--host=h --user=me --ssl --ssl-verify-server-cert --ssl-ca=/ca.pem",
	} {
		require.Equal(t, want, strings.Join(parse(t, raw).ClientFlags(), " "), raw)
	}
}

// Whatever a path has in it, its URL names that file.
func TestSQLiteURL(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.db", "with space.db", "per%cent.db", "what?.db", "hash#.db", "ünï.db", "co:lon.db", "a&b=c.db"} {
		path := filepath.Join(t.TempDir(), name)
		for _, readOnly := range []bool{false, true} {
			cfg := dbmodule.DefaultConfig()
			var err error
			cfg.URL, err = dbmodule.SQLiteURL(path, readOnly)
			require.NoError(t, err)
			require.Equal(t, path, cfg.URL.Path())
			db := dbtest.Open(t, cfg)
			_, err = db.DB().ExecContext(t.Context(), fmt.Sprintf("CREATE TABLE t%t (id INTEGER)", readOnly))
			if readOnly {
				require.ErrorIs(t, err, dbmodule.ErrReadOnly)
			} else {
				require.NoError(t, err)
			}
			require.NoError(t, db.Close())
			require.FileExists(t, path)
		}
	}
	_, err := dbmodule.SQLiteURL("", false)
	require.Error(t, err)
}
