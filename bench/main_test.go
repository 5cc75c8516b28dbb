package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// execute runs the command line and returns what it prints.
func execute(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := rootCommand()
	command.SetArgs(args)
	command.SetOut(&stdout)
	command.SetErr(&stderr)
	require.NoError(t, command.ExecuteContext(t.Context()), stderr.String())
	return stdout.String()
}

// TestRun compares all contenders for a moment and looks at what is written.
func TestRun(t *testing.T) {
	t.Parallel()
	folder := withReadme(t)
	out := execute(t, "run", "--engines", "sqlite", "--rounds", "1", "--duration", "50ms", "--rows", "500", "--idle", "50", "--write", folder)
	for _, part := range []string{
		"SQLite 3.", "net/http + database/sql by hand", "**this project, Echo handlers**", "**this project, typed handlers**",
		"Echo + Bun", "Echo + GORM", "Echo + ent", "| post  ", "| Echo + SQL by hand ", "| ≥ 1.00 ", "| every ORM ", "| ≥ 0.75 ", "| ≤ 48 MiB",
		"| memory, 50 idle connections",
	} {
		require.Contains(t, out, part)
	}
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(readme), "| Echo + ent")
	require.Contains(t, string(readme), "(contenders.png)")
	plot, err := os.ReadFile(filepath.Join(folder, "contenders.png"))
	require.NoError(t, err)
	require.Contains(t, string(plot), "PNG")
}

// TestServer measures the server's own routes for a moment.
func TestServer(t *testing.T) {
	t.Parallel()
	folder := withReadme(t)
	out := execute(t, "server", "--engines", "sqlite", "--rows", "56000", "--rounds", "1", "--duration", "50ms", "--write", folder)
	for _, part := range []string{
		"synchronous=NORMAL: webhook batches of 5 events", "synchronous=FULL: webhook batches of 5 events", ": a page of 100 events", ": a page of 100 conversations", "≥ 3.0", "≥ 10 ", "FastAPI",
	} {
		require.Contains(t, out, part)
	}
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(readme), "synchronous=FULL: webhook batches")
}

func TestInserts(t *testing.T) {
	t.Parallel()
	folder := withReadme(t)
	out := execute(t, "inserts", "--writers", "1,3", "--rounds", "1", "--duration", "50ms", "--folder", folder, "--write", folder)
	require.Contains(t, out, "| 3       |")
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the databases are gone")
}

func TestScale(t *testing.T) {
	t.Parallel()
	folder := withReadme(t)
	plans := filepath.Join(folder, "plans.txt")
	out := execute(t, "scale", "--engines", "sqlite", "--small", "3000", "--large", "6000", "--rounds", "1", "--calls", "2",
		"--folder", folder, "--plans", plans, "--write", folder)
	require.Contains(t, out, "| search, deep page ")
	require.NotContains(t, out, "full scan")
	text, err := os.ReadFile(plans)
	require.NoError(t, err)
	require.Contains(t, string(text), "SEARCH event USING INDEX")
}

func TestListings(t *testing.T) {
	t.Parallel()
	folder := withReadme(t)
	out := execute(t, "listings", "--engines", "sqlite", "--small", "200", "--large", "400", "--rounds", "1", "--calls", "1",
		"--only", "app-conversations: sandbox,status by CREATED_AT,title contains: 5 %", "--every", "--folder", folder, "--write", folder)
	for _, part := range []string{
		"SQLite 3.", "µs at 400", "| conversations: status by CREATED_AT ", "| conversations: status by CREATED_AT_DESC, far in ",
		"| v1/app-conversations: sandbox, tag by TITLE_DESC, far in ", "| v1/app-conversations: title contains: 5 % by UPDATED_AT ", "| conversations | read ", " pages that have a goal reach it.",
	} {
		require.Contains(t, out, part)
	}
	require.NotContains(t, out, "shared-conversations")
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(readme), "| conversations: status by CREATED_AT ")
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the databases are gone")
}

// withReadme makes a folder with a copy of this one's README.md.
func withReadme(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("README.md")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "README.md"), content, 0o600))
	return folder
}
