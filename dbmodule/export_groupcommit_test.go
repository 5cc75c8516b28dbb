package dbmodule

// GroupPause is how long units of work commit one by one after a group failed.
const GroupPause = groupPause

// GroupedCommits returns how many COMMITs stored how many units of work of
// sessions, both 0 where they don't share.
func GroupedCommits(d *Database) (commits, units int64) {
	if q := d.sessions.writer.queue; q != nil {
		commits, units = q.commits.Load(), q.units.Load()
	}
	return commits, units
}
