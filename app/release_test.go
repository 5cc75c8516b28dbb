package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// What the archives of a release are made of is there. The folders notices and man are made by the hooks.
func TestReleaseConfiguration(t *testing.T) {
	t.Parallel()
	var release struct {
		Version int
		Before  struct{ Hooks []string }
		Builds  []struct {
			Main string
			Env  []string
		}
		Archives []struct{ Files []string }
	}
	text, err := os.ReadFile("../.goreleaser.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &release))
	assert.Equal(t, 2, release.Version)
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	made := map[string]bool{}
	for _, hook := range release.Before.Hooks {
		target, found := strings.CutPrefix(hook, "make ")
		assert.True(t, found && strings.Contains(string(makefile), "\n"+target+":"), hook)
		made[target] = true
	}
	require.Len(t, release.Builds, 1)
	assert.Equal(t, []string{"CGO_ENABLED=0"}, release.Builds[0].Env, "the binary needs no library of the machine's")
	assert.FileExists(t, filepath.Join("..", release.Builds[0].Main, "main.go"))
	require.Len(t, release.Archives, 1)
	for _, pattern := range release.Archives[0].Files {
		folder, _, _ := strings.Cut(pattern, "/")
		if !made[folder] {
			assert.True(t, exists(filepath.Join("..", folder)), pattern)
		}
	}
}

// The newest section of the changelog is that of the version that is built, and says what is stable.
func TestChangelogBeginsWithTheVersion(t *testing.T) {
	t.Parallel()
	text := page(t, "CHANGELOG.md")
	section := regexp.MustCompile(`(?m)^## \[([0-9.]+)\] - (.+)$`).FindStringSubmatch(text)
	require.NotNil(t, section)
	assert.Contains(t, call(t, "version").stdout, " "+section[1])
	for _, promise := range []string{"**Stable**", "**New**", "**Not promised**"} {
		assert.Contains(t, text, promise)
	}
}

// What a release builds is what CI builds, without C, and CI looks at the configuration.
func TestReleaseBuildsWhatIsTried(t *testing.T) {
	t.Parallel()
	var release struct {
		Builds []struct {
			Env          []string
			Goos, Goarch []string
		}
	}
	text, err := os.ReadFile("../.goreleaser.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &release))
	require.Len(t, release.Builds, 1)
	build := release.Builds[0]
	assert.Contains(t, build.Env, "CGO_ENABLED=0")
	var targets []string
	for _, system := range build.Goos {
		for _, architecture := range build.Goarch {
			targets = append(targets, system+"/"+architecture)
		}
	}
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	tried := regexp.MustCompile(`for target in (\S+/.*); do`).FindSubmatch(makefile)
	require.NotNil(t, tried)
	assert.ElementsMatch(t, targets, strings.Fields(string(tried[1])))
	static := regexp.MustCompile(`(?m)^build:.*\n\tCGO_ENABLED=0 `)
	assert.Regexp(t, static, string(makefile), "make build is static")

	workflow, err := os.ReadFile("../.github/workflows/ci.yml")
	require.NoError(t, err)
	assert.Contains(t, string(workflow), "make cross")
	assert.Regexp(t, `goreleaser-action@.*\n(.*\n)*?\s+args: check`, string(workflow))
}
