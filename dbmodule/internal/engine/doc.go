// Package engine is the interface between dbmodule's core and the database engines.
//
// Code for one engine is in its package: sqlite, postgres or mysql. The core calls it through
// the types of this package, and never uses a driver's types.
package engine
