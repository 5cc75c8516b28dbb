//go:build !race

package e2e_test

// buildFlags build the programs under test the way the test itself was built.
var buildFlags []string
