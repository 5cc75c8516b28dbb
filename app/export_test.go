package app

// Models are those of the db commands.
func Models() []any { return models() }
