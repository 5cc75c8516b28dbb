package migrate

import "time"

// AlwaysLease takes the lock of a cluster on a single server too.
func AlwaysLease() Option { return func(m *Migrator) { m.alwaysLease = true } }

// LeaseTerm is how long a lease outlives its holder.
func LeaseTerm(d time.Duration) Option { return func(m *Migrator) { m.leaseTerm = d } }

// LeaseTable is where that lock is.
const LeaseTable = defaultVersionTable + "_lease"
