package dbmodule

// What the external tests of logs look at.
var (
	NewQueryLog = newQueryLog
	NewRowLog   = newRowLog
	NewBunDebug = newBunDebug
)
