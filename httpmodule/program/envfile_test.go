package program_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// envFile writes a file, names it by ENV_FILE, and forgets its variables at the end.
func envFile(t *testing.T, text string, names ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "settings.env")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	t.Setenv("ENV_FILE", path)
	for _, name := range names {
		t.Setenv(name, "") // restores at the end
		require.NoError(t, os.Unsetenv(name))
	}
	return path
}

func runSongs(t *testing.T, args ...string) (code int, all string) {
	t.Helper()
	var b bytes.Buffer
	code = songs().Run(t.Context(), args, strings.NewReader(""), &b, &b)
	return code, b.String()
}

// Not parallel, as all here: it changes the environment.
func TestEnvFile(t *testing.T) {
	envFile(t, "SONGS_GREETING='from the file'\nPORT=4001\nAUDIT_DATABASE_URL=sqlite:///hidden\nSESSION_API_KEY=hunter2\n",
		"SONGS_GREETING", "AUDIT_DATABASE_URL", "SESSION_API_KEY")
	t.Setenv("PORT", "4002")
	p := songs()
	cfg, read := p.ReadConfig()
	require.NoError(t, read.Err())
	assert.Equal(t, "from the file", p.Settings[0].(*own).Greeting)
	assert.Equal(t, 4002, cfg.HTTP.Port, "what is set wins")
	assert.Equal(t, "sqlite:///hidden", os.Getenv("AUDIT_DATABASE_URL"), "others read it too")
	code, text := runSongs(t, "config")
	require.Zero(t, code)
	assert.Contains(t, text, "ENV_FILE")
	assert.NotContains(t, text, "hunter2")
}

// Each wrong line is told by its number, nothing of the file holds then, and nothing of it is
// shown.
func TestEnvFileThatIsWrong(t *testing.T) {
	path := envFile(t, "SONGS_GREETING=hi\nhunter2\n\nSESSION_API_KEY=\"hunter2\n", "SONGS_GREETING", "SESSION_API_KEY")
	code, text := runSongs(t, "serve")
	assert.Equal(t, 1, code)
	assert.Equal(t, "songs: ENV_FILE: "+path+": line 2: takes NAME=value, or a comment that begins with #; "+
		"line 4: the quote does not end in its line; write \\n in double quotes for a new line\n", text)
	_, set := os.LookupEnv("SONGS_GREETING")
	assert.False(t, set)
	code, text = runSongs(t, "config")
	assert.Zero(t, code, "it shows what is wrong")
	assert.Contains(t, text, "line 2: ")
	assert.NotContains(t, text, "hunter2")

	t.Setenv("ENV_FILE", "/nowhere/.env")
	_, text = runSongs(t, "serve")
	assert.Equal(t, "songs: ENV_FILE=/nowhere/.env: there is no such file\n", text)
	envFile(t, "A=1\nENV_FILE=/another", "A")
	_, text = runSongs(t, "serve")
	assert.Equal(t, "songs: ENV_FILE: line 2: the file can't set ENV_FILE\n", text)
}

// A relative path is looked up in the working directory, and then beside the binary.
func TestEnvFileBesideTheBinary(t *testing.T) {
	t.Chdir(t.TempDir())
	binary, err := os.Executable()
	require.NoError(t, err)
	const name = "beside-the-binary.env"
	beside := filepath.Join(filepath.Dir(binary), name)
	require.NoError(t, os.WriteFile(beside, []byte("SONGS_GREETING=beside"), 0o600))
	t.Cleanup(func() { _ = os.Remove(beside) })
	greeting := func() string {
		t.Setenv("SONGS_GREETING", "")
		require.NoError(t, os.Unsetenv("SONGS_GREETING"))
		p := songs()
		_, read := p.ReadConfig()
		require.NoError(t, read.Err())
		return p.Settings[0].(*own).Greeting
	}
	t.Setenv("ENV_FILE", name)
	assert.Equal(t, "beside", greeting())
	require.NoError(t, os.WriteFile(name, []byte("SONGS_GREETING=here"), 0o600))
	assert.Equal(t, "here", greeting())
}
