package dbcmd

// For the tests.
var (
	LayOut        = layOut
	Slug          = slug
	Interruptible = interruptible
)
