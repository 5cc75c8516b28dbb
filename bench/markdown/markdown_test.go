package markdown_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/bench/markdown"
)

func TestTable(t *testing.T) {
	t.Parallel()
	require.Equal(t, ""+
		"| a  | µs |\n"+
		"|----|----|\n"+
		"| bb | 1  |\n", markdown.Table([][]string{{"a", "µs"}, {"bb", "1"}}))
}

func TestReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(path, []byte("head\n<!-- x: begin -->\nold\n<!-- x: end -->\ntail\n"), 0o600))
	require.NoError(t, markdown.Replace(path, "x", "new\n"))
	require.NoError(t, markdown.Replace(path, "x", "newer\n"))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "head\n<!-- x: begin -->\n\nnewer\n\n<!-- x: end -->\ntail\n", string(content))
	require.ErrorContains(t, markdown.Replace(path, "y", "new"), "it has no line <!-- y: begin -->")
}
