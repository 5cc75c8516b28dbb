package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// With a column, PostgreSQL drops all objects that use it, even those that use other columns
// too: a unique index on two columns, an index with the column in its WHERE, a check, a foreign
// key. If the revision does not name such an object, it does not know of it, and the runner
// refuses the revision.

// watchedTable is a table with the objects that DROP COLUMN may drop.
type watchedTable struct {
	table   string // as the statement writes it
	oid     int64
	objects []columnObject
	keys    []foreignKey
}

// columnObject is an index, a constraint or a statistics object that uses columns of a table.
type columnObject struct {
	Kind, Name string
	// Columns are the numbers of the columns that it uses.
	Columns []int64 `bun:",array"`
}

// watch remembers the objects and foreign keys of the table of which the i-th statement drops
// something, before the statement runs.
func (d *postgresDialect) watch(ctx context.Context, tx bun.Tx, w work, i int) error {
	text := strings.TrimSpace(reHidden.ReplaceAllString(w.statements[i].Text, " "))
	m := reAlterTable.FindStringSubmatch(text)
	if m == nil || !reDropsPart.MatchString(text) || w.foreign {
		return nil
	}
	t := watchedTable{table: m[1]}
	if err := tx.NewRaw("SELECT coalesce(pg_catalog.to_regclass(?)::oid::bigint, 0)", t.table).Scan(ctx, &t.oid); err != nil {
		return fmt.Errorf("look for table %s: %w", t.table, err)
	}
	known := slices.ContainsFunc(d.watched, func(other watchedTable) bool { return other.oid == t.oid })
	if t.oid == 0 || known {
		return nil
	}
	var err error
	if t.objects, err = columnObjects(ctx, tx, t.oid); err != nil {
		return fmt.Errorf("read what uses the columns of table %s: %w", t.table, err)
	}
	if t.keys, err = foreignKeys(ctx, tx, t); err != nil {
		return err
	}
	d.watched, d.texts = append(d.watched, t), slices.Concat(texts(w.statements), w.other)
	return nil
}

// columnObjects returns the objects that use columns of a table.
func columnObjects(ctx context.Context, tx bun.Tx, table int64) (objects []columnObject, err error) {
	err = tx.NewRaw(`SELECT CASE WHEN c.oid IS NOT NULL THEN 'index' WHEN k.oid IS NOT NULL THEN 'constraint' ELSE 'statistics' END AS kind,
coalesce(c.relname, k.conname, s.stxname)::text AS name, pg_catalog.array_agg(DISTINCT d.refobjsubid::bigint) AS columns
FROM pg_catalog.pg_depend AS d
LEFT JOIN pg_catalog.pg_class AS c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('i', 'I')
LEFT JOIN pg_catalog.pg_constraint AS k ON d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid AND k.conrelid = d.refobjid
LEFT JOIN pg_catalog.pg_statistic_ext AS s ON d.classid = 'pg_catalog.pg_statistic_ext'::regclass AND s.oid = d.objid
WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = ?::oid AND d.refobjsubid > 0 AND d.deptype = 'a'
AND coalesce(c.oid, k.oid, s.oid) IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`, table).Scan(ctx, &objects)
	return objects, err
}

// namesIn returns the words and names in statements, in lower case and without quotes.
func namesIn(statements []string) map[string]bool {
	names := map[string]bool{}
	for _, statement := range statements {
		for _, token := range sqlscan.PostgreSQL.Tokens(statement) {
			names[strings.ToLower(strings.Trim(token.Text, `"`))] = true
		}
	}
	return names
}

// checkNothingLost returns an error if an object was dropped that the revision does not name, although
// the table still has one of the object's columns.
func (d *postgresDialect) checkNothingLost(ctx context.Context, tx bun.Tx) error {
	if len(d.watched) == 0 {
		return nil
	}
	names := namesIn(d.texts)
	for _, t := range d.watched {
		var columns []int64
		if err := tx.NewRaw("SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = ?::oid AND NOT attisdropped", t.oid).Scan(ctx, &columns); err != nil {
			return fmt.Errorf("read the columns of table %s: %w", t.table, err)
		}
		left, err := columnObjects(ctx, tx, t.oid)
		if err != nil {
			return fmt.Errorf("read what uses the columns of table %s: %w", t.table, err)
		}
		for _, o := range t.objects {
			stays := slices.ContainsFunc(left, func(other columnObject) bool { return other.Kind == o.Kind && other.Name == o.Name })
			needed := slices.ContainsFunc(o.Columns, func(column int64) bool { return slices.Contains(columns, column) })
			if !stays && needed && !names[strings.ToLower(o.Name)] {
				return fmt.Errorf("%s %s of table %s would be dropped with one of its columns, and the revision does not name it: "+
					"drop it in the revision before, and make it as it should be after", o.Kind, o.Name, t.table)
			}
		}
	}
	return nil
}
