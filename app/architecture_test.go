package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The table of protections names tests that are there, and the map names folders.
func TestArchitectureNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	const root = ".."
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	require.NoError(t, err)

	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range declared.FindAllSubmatch(source, -1) {
			tests[string(match[1])] = true
		}
		return err
	}))
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllSubmatch(text, -1)
	require.NotEmpty(t, named)
	for _, match := range named {
		assert.True(t, tests[string(match[1])], "there is no test %s", match[1])
	}

	_, drawing, _ := strings.Cut(string(text), "```\n")
	drawing, _, _ = strings.Cut(drawing, "```")
	parent := ""
	for line := range strings.Lines(drawing) {
		names, _, _ := strings.Cut(strings.TrimRight(line, "\n"), "   ")
		below := strings.HasPrefix(line, "  ")
		if strings.HasPrefix(line, "    ") {
			continue // a sentence goes on
		}
		if below {
			names, _, _ = strings.Cut(strings.TrimSpace(line), "   ")
		}
		for name := range strings.FieldsSeq(names) {
			path := filepath.Join(root, name)
			if below {
				path = filepath.Join(root, parent, name)
			} else {
				parent = name
			}
			assert.True(t, exists(path), "there is no %s", path)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
