// Package doctor examines a database and the way it is reached: settings,
// permissions, the server's own settings, durability, clock, locks, schema. It
// tells what is wrong, what may become it, and what to do.
//
// Each check is a small function in the table of its engine: [Examine] runs
// them in their order, each for a limited time, and goes on whatever one
// finds. It changes nothing that stays: whether tables can be made is tried
// with one that is rolled back or dropped at once.
package doctor
