// Package doctor examines a database and the connection to it: settings,
// permissions, the server's own settings, durability, clock, locks, schema. It
// reports what is wrong, what may go wrong later, and what to do.
//
// Each check is a small function in the table of its engine. [Examine] runs
// them in order, each with a time limit, and continues whatever a check finds.
// It leaves no changes in the database: to test whether tables can be created, it
// creates a table and rolls that back or drops the table at once.
package doctor
