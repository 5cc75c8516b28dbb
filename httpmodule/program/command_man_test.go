package program_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each command has a manual page, the same whenever it is written.
//
// Not parallel: it changes the environment.
func TestManualPages(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	folder := filepath.Join(t.TempDir(), "share", "man1")
	code, text := runSongs(t, "man", folder)
	require.Zero(t, code, text)
	for name, says := range map[string][]string{
		"songs.1":            {`.TH "SONGS" "1" "Sep 2001" "songs 1.2.3" "Songs"`, "Keeps songs.", `--version`},
		"songs-db-upgrade.1": {"SEE ALSO"},
		"songs-config.1":     {"--json"},
		"songs-man.1":        {"SOURCE_DATE_EPOCH"},
	} {
		page, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		for _, want := range says {
			assert.Contains(t, string(page), want, name)
		}
		assert.NotContains(t, string(page), "Auto generated")
	}
	code, text = runSongs(t, "man")
	assert.Equal(t, 2, code)
	assert.Contains(t, text, "songs man takes one folder")
}

// The shells' completion is there, and knows commands and flags.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, text := runSongs(t, "completion", shell)
		assert.Zero(t, code)
		assert.Contains(t, text, "songs", shell)
	}
	code, text := runSongs(t, "__complete", "db", "up")
	assert.Zero(t, code)
	assert.Contains(t, text, "upgrade")
}
