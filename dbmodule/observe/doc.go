// Package observe defines the events that observers of a database receive: units
// of work begin and end, they wait for a connection, and the database answers
// statements. The package does not depend on connections or sessions.
//
// Programs use the aliases in package dbmodule, for example dbmodule.Observer
// and dbmodule.WithObserver.
package observe
