// Package compiled renders a query of Bun's once and runs it many times. Bun's builder
// writes the query with a mark in place of each value. What is between the marks is the
// same each time and is kept; a run only writes the values, with Bun's own code, so that
// the text is the one that Bun would have made. Rows are read into structs by a plan that
// is made once for the columns of a result.
//
// It sends nothing: sessions do.
package compiled
