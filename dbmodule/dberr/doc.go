// Package dberr defines the errors of databases, the same on every engine: one
// sentinel for each kind, such as [ErrUnique], and [Error], which has the
// details that the engine reported.
//
// Programs use the aliases in package dbmodule, for example
// dbmodule.ErrUnique. The engines make these errors from the errors that their
// drivers return.
package dberr
