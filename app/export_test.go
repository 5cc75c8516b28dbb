package app

import "time"

// Models are those of the db commands.
func Models() []any { return models() }

// StopTimeout is how long a stop may take.
func (c Config) StopTimeout() time.Duration { return c.stopTimeout() }
