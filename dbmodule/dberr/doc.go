// Package dberr defines the errors of databases, the same on every engine: one
// sentinel for each kind, such as [ErrUnique], and [Error], which has the
// details that the engine reported.
//
// Programs use these by the names that package dbmodule gives them, for
// example dbmodule.ErrUnique. The engines make them from the errors that their
// drivers return.
package dberr
