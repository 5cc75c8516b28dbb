package events

// KeyOf is keyOf.
func KeyOf(text string) string { return keyOf(text) }
