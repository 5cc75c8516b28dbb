package envfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule/program/envfile"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`A=b`:                               "b",
		`A=`:                                "",
		`A=''`:                              "",
		`A=""`:                              "",
		`export A=b`:                        "b",
		"export\tA = b \t":                  "b",
		"A=b\r":                             "b",
		`A=two words`:                       "two words",
		`A=postgresql://u:p#w@h/db?a=b&c=d`: "postgresql://u:p#w@h/db?a=b&c=d",
		`A=pa$$word`:                        "pa$$word",
		`A=it's "fine"`:                     `it's "fine"`,
		`A=\n`:                              `\n`,
		`A='$ # \ ${x} "'`:                  `$ # \ ${x} "`,
		`A="a # b"`:                         "a # b",
		`A="\n\t\r\"\$\\"`:                  "\n\t\r\"$\\",
		`A="\${x}"`:                         "${x}",
		`A=" b "`:                           " b ",
		"\ufeffA=b":                         "b",
	} {
		got, err := envfile.Parse(line)
		require.NoError(t, err, line)
		require.Len(t, got, 1, line)
		assert.Equal(t, envfile.Variable{Name: "A", Value: want, Line: 1}, got[0], line)
	}
	got, err := envfile.Parse("# first\n\n \t\nA=1\n#B=2\n  C=3")
	require.NoError(t, err)
	assert.Equal(t, []envfile.Variable{{"A", "1", 4}, {"C", "3", 6}}, got)
	got, err = envfile.Parse("")
	require.NoError(t, err)
	assert.Empty(t, got)
}

// Every wrong line is told with its number and without what is in it.
func TestWrongLines(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		`hunter2`:           "takes NAME=value",
		`=hunter2`:          "takes NAME=value",
		`1A=hunter2`:        "takes NAME=value",
		`A-B=hunter2`:       "takes NAME=value",
		`A B=hunter2`:       "takes NAME=value",
		`A=hunter2 # x`:     "use quotes",
		`A=#hunter2`:        "use quotes",
		`A=hunter2${B}`:     "variables are not replaced",
		`A="hunter2${B}"`:   "variables are not replaced",
		`A="hunter2`:        "does not end",
		`A='hunter2`:        "does not end",
		`A="hunter2\"`:      "does not end",
		`A="hunter2" # x`:   "follows the closing quote",
		`A='hunter2'hunter`: "follows the closing quote",
		`A="hunter2\x"`:     "takes \\n",
		"A=hunter2\x00":     "zero byte",
	} {
		got, err := envfile.Parse("OK=1\n\n" + line + "\n")
		require.ErrorContains(t, err, "line 3: ", line)
		require.ErrorContains(t, err, says, line)
		assert.NotContains(t, err.Error(), "hunter", line)
		assert.Empty(t, got)
		var wrong *envfile.Error
		require.ErrorAs(t, err, &wrong)
		assert.Equal(t, 3, wrong.Line)
	}
	_, err := envfile.Parse("A=1\nB\nA=2\nC\n")
	require.EqualError(t, errors.Join(err), "line 2: takes NAME=value, or a comment that begins with #\nline 3: the variable is set in line 1 already\nline 4: takes NAME=value, or a comment that begins with #")
}

func TestReadRefusesWhatIsNoSuchFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := envfile.Read(filepath.Join(folder, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = envfile.Read(folder)
	require.ErrorContains(t, err, "takes a file")
	large := filepath.Join(folder, "large")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("#", 1<<20+1)), 0o600))
	_, err = envfile.Read(large)
	require.ErrorContains(t, err, "takes a file")
	wrong := filepath.Join(folder, "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte("x"), 0o600))
	_, err = envfile.Read(wrong)
	require.ErrorContains(t, err, wrong+": line 1: ")
}

// FuzzParse: nothing panics, and what is read can be written and read again.
func FuzzParse(f *testing.F) {
	f.Add("A='b'\nexport C=\"d\\n\"\n# e")
	f.Fuzz(func(t *testing.T, text string) {
		variables, err := envfile.Parse(text)
		if err != nil {
			return
		}
		for _, v := range variables {
			escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, `"`, `\"`, "$", `\$`).Replace(v.Value)
			again, err := envfile.Parse(v.Name + `="` + escaped + `"`)
			require.NoError(t, err)
			require.Equal(t, v.Value, again[0].Value)
		}
	})
}
