package dbcmd_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dbcmd"
)

// The commands stand in the order in which a team comes to use them.
func TestHelp(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	text := p.must("--help").stdout
	require.Equal(t, strings.Fields(`init revision edit check lint prepare upgrade status current history show heads branches inspect
		downgrade merge stamp ensure-version doctor backup restore`), names(text))
	require.Equal(t, text, p.must("-h").stdout)
	require.Contains(t, text, "Usage:\n  program db COMMAND\n")
	require.Contains(t, text, "label@head")
	for _, name := range names(text) {
		help := p.must(name, "--help").stdout
		require.Contains(t, help, "\nExamples:\n  program db "+name, name)
		require.NotRegexp(t, regexp.MustCompile(`(?m)^.{100}`), strings.Split(help, "Usage:")[0], name)
		require.NotContains(t, help, "relative-", name)
	}
}

// names lists the commands in a help text.
func names(help string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+)  +[A-Z]`).FindAllStringSubmatch(help, -1) {
		names = append(names, m[1])
	}
	return names
}

// A program can add commands of its own, and its own help still does the rest.
func TestHelpOfAMountedTree(t *testing.T) {
	t.Parallel()
	db := dbcmd.New(dbcmd.Config{})
	db.AddCommand(&cobra.Command{Use: "seed", Short: "Fill tables", Run: func(*cobra.Command, []string) {}})
	root := &cobra.Command{Use: "program"}
	root.PersistentFlags().Bool("quiet", false, "say less")
	root.AddCommand(db)
	run := func(args ...string) string {
		var out strings.Builder
		root.SetOut(&out)
		root.SetArgs(args)
		require.NoError(t, root.ExecuteContext(t.Context()))
		return out.String()
	}
	text := run("db", "--help")
	require.Contains(t, text, "\nMore:\n  seed            Fill tables\n")
	require.Contains(t, text, "\nGlobal Flags:\n      --quiet   say less\n")
	require.Contains(t, run("help", "db"), "Apply revisions:")
	require.Contains(t, run("help", "db", "upgrade"), "Usage:\n  program db upgrade [REVISION] [flags]")
	require.Contains(t, run("--help"), "  db  ")
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.must("init")
	p.add("1", revisionText("one", "", "first"), emptySQL)
	p.add("2", revisionText("two", "one", "second"), emptySQL)
	complete := func(args ...string) string {
		root := &cobra.Command{Use: "program"}
		root.AddCommand(dbcmd.New(p.config))
		var out strings.Builder
		root.SetOut(&out)
		root.SetErr(&strings.Builder{})
		root.SetArgs(append([]string{cobra.ShellCompRequestCmd, "db"}, args...))
		require.NoError(t, root.ExecuteContext(t.Context()))
		return out.String()
	}
	require.Contains(t, complete("downgrade", ""), "-1\nbase\ntwo\tsecond\none\tfirst\n")
	require.Contains(t, complete("show", ""), "head\nheads\ncurrent\ntwo\tsecond\n")
}
