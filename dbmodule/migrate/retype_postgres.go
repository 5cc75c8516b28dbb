package migrate

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// retyped runs the i-th statement. If it changes the type of columns, retyped corrects what
// PostgreSQL does to them and the revision does not know:
//
//   - A column keeps a collation that is not its type's. Without COLLATE, PostgreSQL would
//     give it the collation of the new type.
//   - The sequence of a serial column gets the column's new type. Otherwise it would end at
//     the greatest number of the old type.
func (d *postgresDialect) retyped(ctx context.Context, db bun.IDB, w work, i int) error {
	s := w.retyped[i]
	if s == nil {
		return execute(ctx, db, w.statements[i].Text)
	}
	collations, err := d.collations(ctx, db, s.Table)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(s.Columns))
	for _, c := range s.Columns {
		names = append(names, c.Name)
		if collations[c.Name] == "" {
			continue
		}
		var collatable bool
		err := db.NewRaw("SELECT coalesce((SELECT typcollation <> 0 FROM pg_catalog.pg_type WHERE oid = pg_catalog.to_regtype(?)), false)", c.Type).Scan(ctx, &collatable)
		if err != nil {
			return fmt.Errorf("read type %s: %w", c.Type, err)
		}
		if !collatable {
			delete(collations, c.Name)
		}
	}
	if err := execute(ctx, db, s.With(collations)); err != nil {
		return err
	}
	return d.widenSequences(ctx, db, s.Table, names)
}

// collations returns the collations of a table's columns, by column, that differ from those of
// their types.
func (d *postgresDialect) collations(ctx context.Context, db bun.IDB, table string) (map[string]string, error) {
	var rows []struct{ Name, Collation string }
	err := db.NewRaw(`SELECT a.attname AS name, pg_catalog.format('%I.%I', n.nspname, c.collname) AS collation
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace
WHERE a.attrelid = pg_catalog.to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped AND a.attcollation <> t.typcollation`, table).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read the collations of table %s: %w", table, err)
	}
	collations := map[string]string{}
	for _, row := range rows {
		collations[row.Name] = row.Collation
	}
	return collations, nil
}

// widenSequences changes the type of the columns' sequences to that of their columns, if that
// type holds more numbers. PostgreSQL itself does so for identity columns.
func (d *postgresDialect) widenSequences(ctx context.Context, db bun.IDB, table string, columns []string) error {
	var statements []string
	err := db.NewRaw(`SELECT pg_catalog.format('ALTER SEQUENCE %s AS %s', s.seqrelid::regclass, pg_catalog.format_type(a.atttypid, NULL))
FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = d.objid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
JOIN pg_catalog.pg_type AS new ON new.oid = a.atttypid JOIN pg_catalog.pg_type AS old ON old.oid = s.seqtypid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'a'
AND d.refobjid = pg_catalog.to_regclass(?) AND a.attname IN (?) AND new.typname IN ('int4', 'int8') AND new.typlen > old.typlen
ORDER BY 1`, table, bun.List(columns)).Scan(ctx, &statements)
	if err != nil {
		return fmt.Errorf("look for the sequences of table %s: %w", table, err)
	}
	for _, statement := range statements {
		if err := execute(ctx, db, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
