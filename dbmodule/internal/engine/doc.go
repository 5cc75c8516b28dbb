// Package engine is the port between dbmodule's core and the database engines.
//
// What only one engine knows stands in a package of its own below: sqlite,
// postgres, mysql. The core asks them through the types of this package and
// never looks at a driver's own types.
package engine
