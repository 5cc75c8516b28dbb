package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// versionTable is Alembic's own: a row for each head that is applied.
const versionTable = "alembic_version"

type version struct {
	bun.BaseModel `bun:"table:alembic_version,alias:alembic_version"`

	VersionNum string `bun:"version_num,pk"`
}

// readHeads returns the rows of the version table, sorted.
func readHeads(ctx context.Context, db bun.IDB) ([]string, error) {
	var rows []version
	if err := db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("migrate: read %s: %w", versionTable, err)
	}
	heads := make([]string, len(rows))
	for i, row := range rows {
		heads[i] = row.VersionNum
	}
	slices.Sort(heads)
	return heads, nil
}

// errMoved says that the version table no longer holds what a step was
// planned on.
var errMoved = errors.New("another process changed the version table meanwhile: nothing was recorded, run the command again")

// versionStatements are the row operations of a step, each of which changes
// exactly one row. They are Alembic's.
func versionStatements(d schema.Dialect, step Step) []string {
	var statements []string
	add := func(format string, args ...any) {
		statements = append(statements, schema.NewQueryGen(d).FormatQuery(format, args...))
	}
	for _, id := range step.Deletes {
		add("DELETE FROM alembic_version WHERE alembic_version.version_num = ?", id)
	}
	for _, id := range step.Inserts {
		add("INSERT INTO alembic_version (version_num) VALUES (?)", id)
	}
	for _, update := range step.Updates {
		add("UPDATE alembic_version SET version_num = ? WHERE alembic_version.version_num = ?", update.To, update.From)
	}
	return statements
}

// moveVersion records a step in the version table.
func moveVersion(ctx context.Context, db bun.IDB, step Step) error {
	for _, statement := range versionStatements(db.Dialect(), step) {
		result, err := db.ExecContext(ctx, "?", bun.Safe(statement))
		if err != nil {
			return fmt.Errorf("write %s: %w", versionTable, err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errMoved, err)
		}
	}
	return nil
}
