package echoent

//go:generate go tool ent generate ./schema --target ./ent
