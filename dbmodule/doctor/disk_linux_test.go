package doctor_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/doctor"
	"github.com/openhands-go/server/dbmodule/internal/smalldisk"
)

func TestDisk(t *testing.T) {
	t.Parallel()
	dir := smalldisk.New(t, "size=8m")
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.SQLiteURL(filepath.Join(dir, "test.db"), false)
	require.NoError(t, err)
	require.NoError(t, migrated(t, cfg).Close())
	finds(t, doctor.Examine(t.Context(), cfg, options(t)), map[string]doctor.Level{
		"disk": doctor.Wrong, "file system": doctor.Warning, "writable": doctor.OK, "folder": doctor.OK,
	})
	smalldisk.MakeReadOnly(t, dir)
	r := doctor.Examine(t.Context(), cfg, options(t))
	finds(t, r, map[string]doctor.Level{"folder": doctor.Wrong})
	require.False(t, r.Healthy())
}
