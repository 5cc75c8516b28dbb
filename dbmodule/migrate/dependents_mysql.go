package migrate

import (
	"context"
	"fmt"

	"github.com/openhands-go/server/dbmodule/migrate/internal/dependents"
)

// stillUsed refuses the i-th statement if it removes a table or column that a view or
// trigger uses, unless a later statement makes that one anew. MySQL and MariaDB would
// leave the view or trigger there, and it would fail from then on.
func (d *mysqlDialect) stillUsed(ctx context.Context, w work, i int) error {
	if !dependents.Removes(w.statements[i].Text) {
		return nil
	}
	objects, err := d.viewsAndTriggers(ctx)
	if err != nil || len(objects) == 0 {
		return err
	}
	all := texts(w.statements)
	for _, r := range dependents.Removed(all, i) {
		for _, o := range objects {
			if o.Uses(r) && !o.Remade(all[i+1:]) {
				return fmt.Errorf("%s would fail from now on, because it uses %s: drop it before this statement, and make it as it should be after", o, r)
			}
		}
	}
	return nil
}

// viewsAndTriggers lists those of the database in use. The definition of a view that
// this account may not see is empty.
func (d *mysqlDialect) viewsAndTriggers(ctx context.Context) ([]dependents.Object, error) {
	var objects []dependents.Object
	err := d.run.conn.NewRaw("SELECT table_name AS name, '' AS `table`, view_definition AS definition, table_schema AS `schema` "+
		"FROM information_schema.views WHERE table_schema = DATABASE() UNION ALL "+
		"SELECT trigger_name, event_object_table, action_statement, trigger_schema "+
		"FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 2, 1").Scan(ctx, &objects)
	if err != nil {
		return nil, fmt.Errorf("look for views and triggers: %w", err)
	}
	return objects, nil
}
