package httpstatus

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Table is a table with its size.
type Table struct {
	Name string `bun:"name" json:"name"`
	// Rows is the engine's estimate, -1 if it has none.
	Rows int64 `bun:"rows_estimate" json:"rows"`
	// Bytes includes indexes; -1 is unknown.
	Bytes int64 `bun:"bytes" json:"bytes"`
}

// sizeQueries list the tables with their sizes without reading the tables. SQLite knows only the
// size of the file.
var sizeQueries = map[dbmodule.Engine]string{
	dbmodule.PostgreSQL: `SELECT c.relname AS name, c.reltuples::bigint AS rows_estimate, pg_total_relation_size(c.oid) AS bytes
		FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
		ORDER BY 3 DESC LIMIT 50`,
	dbmodule.MySQL: `SELECT table_name AS name, COALESCE(table_rows, -1) AS rows_estimate,
		COALESCE(data_length + index_length, -1) AS bytes
		FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
		ORDER BY 3 DESC LIMIT 50`,
	dbmodule.SQLite: `SELECT '(the whole file)' AS name, -1 AS rows_estimate, page_count * page_size AS bytes
		FROM pragma_page_count(), pragma_page_size()`,
}

// smallFile is the largest SQLite file of which sizes by table are shown: SQLite reads the whole
// file to count them.
const smallFile = 64 << 20

const sqliteTables = `SELECT m.tbl_name AS name, -1 AS rows_estimate, SUM(s.pgsize) AS bytes
	FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name GROUP BY m.tbl_name ORDER BY 3 DESC LIMIT 50`

func readTables(ctx context.Context, engine dbmodule.Engine, db bun.IDB) ([]Table, error) {
	tables := []Table{}
	if err := db.NewRaw(sizeQueries[engine]).Scan(ctx, &tables); err != nil {
		return nil, fmt.Errorf("httpstatus: read sizes of tables: %w", err)
	}
	if engine != dbmodule.SQLite || len(tables) == 0 || tables[0].Bytes > smallFile {
		return tables, nil
	}
	single := []Table{}
	if err := db.NewRaw(sqliteTables).Scan(ctx, &single); err != nil {
		return nil, fmt.Errorf("httpstatus: read sizes of tables: %w", err)
	}
	return append(tables, single...), nil
}

// tablesNote says why the list of tables is incomplete, or "".
func tablesNote(engine dbmodule.Engine, tables []Table) string {
	if engine == dbmodule.SQLite && len(tables) == 1 && tables[0].Bytes > smallFile {
		return "Sizes by table are shown for files up to 64 MiB: SQLite would read the whole file to tell them."
	}
	return ""
}
