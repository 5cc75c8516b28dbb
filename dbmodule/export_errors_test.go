package dbmodule

// NewBunDebug is for the external tests of logs.
var NewBunDebug = newBunDebug
