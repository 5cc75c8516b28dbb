package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// buildSQLite builds a database file and keeps its bytes in memory. Closing the
// database has moved the content of the write-ahead log into the file.
func buildSQLite(ctx context.Context, tpl *template, s *schema, path string) error {
	if err := s.build(ctx, sqliteURL(path)); err != nil {
		return err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	tpl.file = file
	return nil
}

func copySQLite(t testing.TB, tpl *template) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, tpl.file, 0o600); err != nil {
		t.Fatalf("dbtest: copy template: %v", err)
	}
	return sqliteURL(path)
}

func sqliteURL(path string) string { return "sqlite:///" + filepath.ToSlash(path) }
