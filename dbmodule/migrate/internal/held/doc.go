// Package held knows what statements leave in their session (settings,
// variables, temporary tables, locks) and what they need of it, so that a
// revision which failed half way goes on in a new session only where nothing is
// missing there.
package held
