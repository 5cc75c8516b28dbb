// Package held finds out what statements leave in their session (settings,
// variables, temporary tables, locks), and which later statements may need it. If a
// revision failed half way, its other statements may run in a new session only if
// they need nothing of the old one.
package held
