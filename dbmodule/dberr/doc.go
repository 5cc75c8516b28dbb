// Package dberr holds the errors that a database can answer with, the same on
// every engine: one sentinel for each kind, such as [ErrUnique], and [Error],
// which says what the engine told about it.
//
// Programs use these by the names that package dbmodule gives them, for
// example dbmodule.ErrUnique. The engines make them from what their drivers
// return.
package dberr
