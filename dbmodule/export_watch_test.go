package dbmodule

import "context"

// CheckReplicas checks now, as the cluster does by itself in time.
func (d *Database) CheckReplicas(ctx context.Context) { d.cluster.Check(ctx) }
