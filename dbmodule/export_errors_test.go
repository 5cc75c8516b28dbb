package dbmodule

// What the external tests of errors and logs look at.
var (
	Classify               = classify
	EndsTransaction        = endsTransaction
	DiscardsConn           = discardsConn
	NewQueryLog            = newQueryLog
	NewRowLog              = newRowLog
	NewBunDebug            = newBunDebug
	StatementWithoutValues = statementWithoutValues
	TextWithoutValues      = textWithoutValues
)
