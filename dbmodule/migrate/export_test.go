package migrate

// AlwaysLease takes the lock of a cluster on a single server too.
func AlwaysLease() Option { return func(m *Migrator) { m.alwaysLease = true } }

// LeaseTable is where that lock is.
const LeaseTable = leaseTable
