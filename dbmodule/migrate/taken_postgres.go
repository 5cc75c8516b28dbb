package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// With a column, PostgreSQL drops all objects that use it, even those that use other columns
// too: a unique index on two columns, an index with the column in its WHERE, a check, a foreign
// key. If the revision does not name such an object, it does not know of it, and the runner
// refuses the revision. The same holds for the table's partitions and the tables that inherit from
// it: they lose the column, too.

// watchedTable is a table with the objects that DROP COLUMN may drop.
type watchedTable struct {
	table string // as the statement writes it
	oid   int64
	// family has the table itself, its partitions, and the tables that inherit from it.
	family  []int64
	objects []columnObject
	keys    []foreignKey
}

// columnObject is an index, a constraint or a statistics object that uses columns of a table.
type columnObject struct {
	Relation   int64 // the table
	On         string
	Kind, Name string
	// Columns are the numbers of the columns that it uses.
	Columns []int64 `bun:",array"`
}

// watch remembers the objects and foreign keys of the table of which the i-th statement drops
// something, before the statement runs.
func (d *postgresDialect) watch(ctx context.Context, tx bun.Tx, w work, i int) error {
	first := sqlscan.PostgreSQL.First(w.statements[i].Text, 1)
	if w.foreign || len(first) == 0 || !first[0].Is("ALTER") {
		return nil
	}
	text := sqlscan.PostgreSQL.Outline(w.statements[i].Text)
	m := reAlterTable.FindStringSubmatch(text)
	if m == nil || !reDropsPart.MatchString(text) {
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
	if err := tx.NewRaw(`WITH RECURSIVE family AS (SELECT ?::oid AS relation
UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN family ON i.inhparent = family.relation)
SELECT relation::bigint FROM family`, t.oid).Scan(ctx, &t.family); err != nil {
		return fmt.Errorf("look for the partitions of table %s: %w", t.table, err)
	}
	var err error
	if t.objects, err = t.columnObjects(ctx, tx); err != nil {
		return err
	}
	if t.keys, err = foreignKeys(ctx, tx, t); err != nil {
		return err
	}
	d.watched, d.texts = append(d.watched, t), slices.Concat(texts(w.statements), w.other)
	return nil
}

// columnObjects returns the objects that use columns of the family's tables, without those that a
// table has from another table of the family.
func (t watchedTable) columnObjects(ctx context.Context, tx bun.Tx) (objects []columnObject, err error) {
	err = tx.NewRaw(`SELECT d.refobjid::bigint AS relation, d.refobjid::regclass::text AS "on",
CASE WHEN c.oid IS NOT NULL THEN 'index' WHEN k.oid IS NOT NULL THEN 'constraint' ELSE 'statistics' END AS kind,
coalesce(c.relname, k.conname, s.stxname)::text AS name, pg_catalog.array_agg(DISTINCT d.refobjsubid::bigint) AS columns
FROM pg_catalog.pg_depend AS d
LEFT JOIN pg_catalog.pg_class AS c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('i', 'I') AND NOT c.relispartition
LEFT JOIN pg_catalog.pg_constraint AS k ON d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid AND k.conrelid = d.refobjid AND k.conislocal
LEFT JOIN pg_catalog.pg_statistic_ext AS s ON d.classid = 'pg_catalog.pg_statistic_ext'::regclass AND s.oid = d.objid
WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid IN (?) AND d.refobjsubid > 0 AND d.deptype = 'a'
AND coalesce(c.oid, k.oid, s.oid) IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 2, 3, 4`, bun.List(t.family)).Scan(ctx, &objects)
	if err != nil {
		return nil, fmt.Errorf("read what uses the columns of table %s: %w", t.table, err)
	}
	return objects, nil
}

// columnsLeft returns the numbers of the columns that the family's tables still have, by table.
func (t watchedTable) columnsLeft(ctx context.Context, tx bun.Tx) (map[int64][]int64, error) {
	var rows []struct{ Relation, Number int64 }
	err := tx.NewRaw("SELECT attrelid::bigint AS relation, attnum AS number FROM pg_catalog.pg_attribute WHERE attrelid IN (?) AND NOT attisdropped", bun.List(t.family)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %s: %w", t.table, err)
	}
	columns := map[int64][]int64{}
	for _, row := range rows {
		columns[row.Relation] = append(columns[row.Relation], row.Number)
	}
	return columns, nil
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
		columns, err := t.columnsLeft(ctx, tx)
		if err != nil {
			return err
		}
		left, err := t.columnObjects(ctx, tx)
		if err != nil {
			return err
		}
		for _, o := range t.objects {
			stays := slices.ContainsFunc(left, func(other columnObject) bool {
				return other.Relation == o.Relation && other.Kind == o.Kind && other.Name == o.Name
			})
			needed := slices.ContainsFunc(o.Columns, func(column int64) bool { return slices.Contains(columns[o.Relation], column) })
			if !stays && needed && !names[strings.ToLower(o.Name)] {
				return fmt.Errorf("%s %s of table %s would be dropped with one of its columns, and the revision does not name it: "+
					"drop it in the revision before, and make it as it should be after", o.Kind, o.Name, o.On)
			}
		}
	}
	return nil
}
