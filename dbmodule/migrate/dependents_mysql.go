package migrate

import (
	"context"
	"fmt"

	"github.com/openhands-go/server/dbmodule/migrate/internal/dependents"
)

// checkNotUsed returns an error if the i-th statement removes a table or column that a view or
// trigger uses, unless a later statement drops or replaces that view or trigger. MySQL and
// MariaDB would keep the view or trigger, and it would fail from then on.
func (d *mysqlDialect) checkNotUsed(ctx context.Context, w work, i int) error {
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

// viewsAndTriggers returns the views and triggers of the connection's database. A view that this
// account may not read has an empty definition.
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
