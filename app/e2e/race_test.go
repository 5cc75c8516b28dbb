//go:build race

package e2e_test

// buildFlags build the programs under test the way the test itself was built:
// a race in one of them ends it with a status of its own.
var buildFlags = []string{"-race"}
