// Package feed notifies the parts of an application, in all of its processes, that something
// in the database has changed, so that they can show it at once.
//
// A unit of work publishes what it changes, by a topic and a key:
//
//	err := sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
//		// … store a chapter of the book …
//		return f.Publish(ctx, s, "book", bookID)
//	})
//
// Subscribers of that topic and key get a hint once the unit of work is committed and visible
// to others, and none if it is rolled back. A hint says that something may have changed, not
// what: the subscriber reads the rows from the database. So a lost hint loses no data. While
// the subscriber is busy, several hints become one. After each interruption of the feed (a
// server restarted, a connection was cut, another server became primary) all subscribers get
// a hint. A subscriber may get a hint although nothing has changed.
//
//	sub := f.Subscribe("book", bookID)
//	defer sub.Close()
//	for {
//		// … read what is stored, with a session of f.Sessions() …
//		select {
//		case <-sub.Hints():
//		case <-ctx.Done():
//			return
//		}
//	}
//
// Subscribe before you read: then a commit after the read gives a hint.
//
// # How a hint travels
//
// Within the process the commit itself gives the hint. Between processes it depends on the
// engine. On PostgreSQL the feed sends NOTIFY, on two connections of its own. It sends NOTIFY
// just after the commit, because inside the transaction it would make all commits of the
// server wait for each other's sync to the disk; several commits share one NOTIFY. On SQLite
// the feed checks every 0.5 seconds whether the file was changed. On MySQL and MariaDB, and on
// PostgreSQL behind a pooler that does not support LISTEN, it polls the versions of the
// subscribed keys every 0.5 seconds: one query for each [Topic]. With NOTIFY it also polls
// PostgreSQL every 15 seconds, because a process may die between its commit and the NOTIFY.
//
// Some data is not worth storing, such as the pieces of a text that is still being written.
// [Feed.Pass] sends it as a message: within the process, and by NOTIFY.
//
// For a writer all of this costs only a note in memory. The feed does not poll topics and keys
// that have no subscribers.
package feed
