// Package compiled renders a query of Bun's builders once, for many runs. When the query is
// made, Bun writes it with a mark in place of each value. The parts between the marks are
// kept. A run writes only the values, with Bun's own code, so that the text is the one that
// Bun would have written. Rows are read into structs by a plan, which is made once for the
// columns of a result.
//
// The package sends nothing: sessions do.
package compiled
