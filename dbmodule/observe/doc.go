// Package observe says what an observer of a database is told: which units of
// work begin and end, how long they wait for a connection, and which statements
// are answered. It knows neither connections nor sessions.
//
// Programs use it by the names that package dbmodule gives it, for example
// dbmodule.Observer and dbmodule.WithObserver.
package observe
