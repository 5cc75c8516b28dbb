package dbcmd_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// result is what a command left behind.
type result struct {
	stdout, stderr string
	err            error
}

// text is everything that a person saw.
func (r result) text() string {
	text := r.stdout + r.stderr
	if r.err != nil {
		text += "error: " + r.err.Error() + "\n"
	}
	return text
}

// program is a command line with the db command in it.
type program struct {
	t      *testing.T
	config dbcmd.Config
}

// newProgram has its revisions in a fresh folder that does not exist yet, and
// no database.
func newProgram(t *testing.T, models ...any) *program {
	return &program{t: t, config: dbcmd.Config{
		Models: models,
		Dir:    filepath.Join(t.TempDir(), "migrations"),
		Build:  "test 1.0",
	}}
}

// on gives the program a database.
func (p *program) on(cfg dbmodule.Config) *program {
	p.config.Settings = func() (dbcmd.Settings, error) { return dbcmd.Settings{Database: cfg}, nil }
	return p
}

// try runs "program db args…".
func (p *program) try(args ...string) result {
	return p.within(p.t.Context(), args...)
}

func (p *program) within(ctx context.Context, args ...string) result {
	root := &cobra.Command{Use: "program", SilenceErrors: true}
	root.AddCommand(dbcmd.New(p.config))
	var stdout, stderr bytes.Buffer
	root.SetIn(strings.NewReader(""))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(append([]string{"db"}, args...))
	err := root.ExecuteContext(ctx)
	return result{stdout.String(), stderr.String(), err}
}

// must is try for a command that succeeds.
func (p *program) must(args ...string) result {
	p.t.Helper()
	r := p.try(args...)
	require.NoError(p.t, r.err, "db %s\n%s", strings.Join(args, " "), r.text())
	return r
}

// fails is try for a command that fails, with all of these in its error.
func (p *program) fails(wants []string, args ...string) result {
	p.t.Helper()
	r := p.try(args...)
	require.Error(p.t, r.err, "db %s\n%s", strings.Join(args, " "), r.text())
	for _, want := range wants {
		require.ErrorContains(p.t, r.err, want, "db %s", strings.Join(args, " "))
	}
	return r
}

// isUsage reports whether the error is about the command line.
func isUsage(err error) bool {
	var usage *dbcmd.UsageError
	return errors.As(err, &usage)
}

// add writes a revision by hand.
func (p *program) add(folder, text, sql string) {
	p.t.Helper()
	dir := filepath.Join(p.config.Dir, folder)
	require.NoError(p.t, os.MkdirAll(dir, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, migrate.RevisionFile), []byte(text), 0o644))
	if sql != "" {
		require.NoError(p.t, os.WriteFile(filepath.Join(dir, "all.sql"), []byte(sql), 0o644))
	}
}

// revisionText is a revision.txt.
func revisionText(id, revises, message string) string {
	return message + "\n\nRevision ID: " + id + "\nRevises: " + revises + "\nCreate Date: 2026-11-24T20:30:00Z\n"
}

// tree lists the files below the folder of revisions.
func (p *program) tree() []string {
	p.t.Helper()
	var names []string
	require.NoError(p.t, filepath.WalkDir(p.config.Dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(p.config.Dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}

// The models of the stories, before and after.

type AuthorV1 struct {
	bun.BaseModel `bun:"table:authors"`

	ID   int64  `bun:",pk,autoincrement"`
	Name string `bun:"type:varchar(100),notnull,unique"`
}

type BookV1 struct {
	bun.BaseModel `bun:"table:books"`

	ID       int64     `bun:",pk,autoincrement"`
	Title    string    `bun:"type:varchar(200),notnull"`
	Pages    int32     `bun:",notnull,default:0"`
	AuthorID int64     `bun:",notnull"`
	Author   *AuthorV1 `bun:"rel:belongs-to,join:author_id=id,on_delete:CASCADE"`
}

func (BookV1) Indexes() []dbmodule.Index { return []dbmodule.Index{{Columns: []string{"title"}}} }

type AuthorV2 struct {
	bun.BaseModel `bun:"table:authors"`

	ID   int64   `bun:",pk,autoincrement"`
	Name string  `bun:"type:varchar(100),notnull,unique"`
	Born *string `bun:"type:varchar(10)"`
}

type BookV2 struct {
	bun.BaseModel `bun:"table:books"`

	ID       int64     `bun:",pk,autoincrement"`
	Name     string    `bun:"type:varchar(200),notnull"`
	Pages    int32     `bun:",notnull,default:0"`
	AuthorID int64     `bun:",notnull"`
	Author   *AuthorV2 `bun:"rel:belongs-to,join:author_id=id,on_delete:CASCADE"`
}

func (BookV2) Indexes() []dbmodule.Index { return []dbmodule.Index{{Columns: []string{"name"}}} }

func modelsV1() []any { return []any{(*AuthorV1)(nil), (*BookV1)(nil)} }
func modelsV2() []any { return []any{(*AuthorV2)(nil), (*BookV2)(nil)} }
