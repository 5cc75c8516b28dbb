// Package observe defines the events that observers of a database receive: units
// of work begin and end, they wait for a connection, and statements are
// answered. It knows neither connections nor sessions.
//
// Programs use it by the names that package dbmodule gives it, for example
// dbmodule.Observer and dbmodule.WithObserver.
package observe
