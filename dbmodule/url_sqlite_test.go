package dbmodule_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

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

// mode=rw opens a file and creates none, as mode=ro does.
func TestSQLiteModeOpensWhatIsThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	open := func(mode string) (*dbmodule.Database, error) {
		cfg := dbmodule.DefaultConfig()
		cfg.URL = parse(t, "sqlite:///"+path+"?mode="+mode)
		db, err := dbmodule.Open(cfg, zap.NewNop())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db, db.Connect(t.Context())
	}
	for _, mode := range []string{"rw", "ro"} {
		_, err := open(mode)
		require.ErrorIs(t, err, dbmodule.ErrUnavailable, mode)
		require.ErrorContains(t, err, "the file "+path+" does not exist")
		require.NoFileExists(t, path)
	}
	for _, mode := range []string{"rwc", "rw"} {
		db, err := open(mode)
		require.NoError(t, err, mode)
		_, err = db.DB().ExecContext(t.Context(), "CREATE TABLE "+mode+" (id INTEGER)")
		require.NoError(t, err, mode)
	}
}

func parse(t *testing.T, raw string) dbmodule.URL {
	t.Helper()
	u, err := dbmodule.ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
