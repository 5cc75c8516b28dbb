// Package feed tells the parts of an application, in all of its processes, that something
// in the database has changed, so that what is stored can be shown at once.
//
// A unit of work publishes what it changes, by a topic and a key:
//
//	err := sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
//		// … store a chapter of the book …
//		return f.Publish(ctx, s, "book", bookID)
//	})
//
// Subscribers of that topic and key get a hint once the unit of work is committed and can be
// seen, and none if it is rolled back. A hint says that something may have changed, not
// what: the subscriber reads what is stored. So nothing is lost for good. Several hints become
// one while the subscriber is busy, and whatever interrupts the feed (a server that
// restarts, a connection that is cut, another primary) is followed by a hint to everybody.
// There are hints behind which nothing has changed.
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
// Subscribe first and read then: what is committed after the reading is hinted at.
//
// # How a hint travels
//
// Within the process it is given by the commit itself. Between processes it depends on the
// engine. PostgreSQL carries it by NOTIFY, on two connections that the feed has for itself.
// The NOTIFY is sent just after the commit and not inside the transaction, since there it
// would make all commits of the server wait for each other's sync to the disk; several
// commits share one. On SQLite the feed asks every 0.5 seconds whether the file was
// changed. On MySQL and MariaDB, and on PostgreSQL behind a pooler that lets no LISTEN
// through, it asks every 0.5 seconds for the versions of what has subscribers: one
// query for each [Topic]. PostgreSQL is asked as well, every 15 seconds, as a net below
// NOTIFY: a process may die between its commit and the NOTIFY.
//
// What passes by and is not worth storing, as the pieces of a text that is being written,
// travels as a message ([Feed.Pass]): within the process, and by NOTIFY.
//
// A writer pays for none of this but a note in memory. What nobody subscribes to is not
// asked for.
package feed
