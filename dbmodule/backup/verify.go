package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// Report describes the content of a database file.
type Report struct {
	// Path is the file's path, and Bytes its size.
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	// Revisions are the rows of Alembic's version table, sorted. Every table whose
	// only column is version_num counts as one, whatever its name.
	Revisions []string `json:"revisions"`
	// Tables are sorted by name, without SQLite's own tables.
	Tables []Table `json:"tables"`
	// Dangling is the number of rows whose foreign key refers to a missing row.
	// They are no damage to the file: the copy has them because the database had
	// them.
	Dangling int `json:"dangling"`
	// Took is how long the copy and its verification took.
	Took time.Duration `json:"took_ns"`
}

// Table has a table's name and its number of rows.
type Table struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// versionTables is the query for version tables. It finds them by their only column, because
// programs may choose their names, and a database may have several.
const versionTables = `SELECT name FROM sqlite_schema WHERE type = 'table'
AND (SELECT group_concat(c.name) FROM pragma_table_info(sqlite_schema.name) AS c) = 'version_num' ORDER BY name`

// Verify reads a whole database file: it runs SQLite's integrity_check and
// foreign_key_check, reads the revisions and counts the rows. Nobody may write to
// the database meanwhile. Verify writes nothing, not even files beside the
// database. If the file is damaged or is no database, the error is
// [dbmodule.ErrCorrupt].
func Verify(ctx context.Context, path string) (Report, error) {
	report, err := verify(ctx, path)
	if err != nil {
		return report, fmt.Errorf("backup: verify %s: %w", path, err)
	}
	return report, nil
}

func verify(ctx context.Context, path string) (report Report, err error) {
	report.Path, report.Revisions = path, []string{}
	if report.Bytes, err = looksLikeDatabase(path); err != nil {
		return report, err
	}
	conn, closeConn, err := open(ctx, path, "mode", "ro", "immutable", "1", "_pragma", "cell_size_check(1)", "_pragma", "trusted_schema(0)")
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(typed(err), closeConn()) }()
	problems, err := column(ctx, conn, "PRAGMA integrity_check(5)")
	if err != nil {
		return report, err
	}
	if len(problems) != 1 || problems[0] != "ok" {
		return report, fmt.Errorf("%w: %s", dbmodule.ErrCorrupt, strings.Join(problems, "; "))
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&report.Dangling); err != nil {
		return report, err
	}
	return report, report.count(ctx, conn)
}

// count fills in the tables and revisions.
func (r *Report) count(ctx context.Context, conn *sql.Conn) error {
	names, err := column(ctx, conn, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return err
	}
	for _, name := range names {
		table := Table{Name: name}
		if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+quoted(name)).Scan(&table.Rows); err != nil {
			return err
		}
		r.Tables = append(r.Tables, table)
	}
	versions, err := column(ctx, conn, versionTables)
	if err != nil {
		return err
	}
	for _, name := range versions {
		ids, err := column(ctx, conn, "SELECT version_num FROM "+quoted(name))
		if err != nil {
			return err
		}
		r.Revisions = append(r.Revisions, ids...)
	}
	slices.Sort(r.Revisions)
	return nil
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// column reads the texts that a query returns.
func column(ctx context.Context, conn *sql.Conn, query string) (texts []string, err error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	texts = []string{}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}

// magic is the begin of every database file that is not empty.
const magic = "SQLite format 3\x00"

// looksLikeDatabase returns a file's size, or an error if it is no database. It also
// refuses an empty file, which SQLite itself accepts as an empty database.
func looksLikeDatabase(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%w: it is not a regular file", dbmodule.ErrCorrupt)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	if string(head) != magic {
		return 0, fmt.Errorf("%w: it does not begin as a SQLite database does", dbmodule.ErrCorrupt)
	}
	return info.Size(), nil
}
