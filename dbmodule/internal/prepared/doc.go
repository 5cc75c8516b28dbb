// Package prepared decides which statements may run prepared, with their values
// bound, and keeps the prepared statements of a connection.
//
// Bun renders values into the text, so that every text is new to the engine: it is
// parsed and planned again. A statement that is prepared once and run with bound
// values spares that. But a value that is bound is not always read as the same
// value in the text is. So [Recognise] knows a small language, which is what Bun's
// builders make for the common cases, and in which a value means the same in both
// ways. Whatever is not in that language runs as text.
//
// All values of a statement are bound, or none is: no value stays in a prepared
// text. NULL, DEFAULT and CURRENT_TIMESTAMP are words and stay, on MySQL TRUE and
// FALSE too, which are other values there than 1 and 0.
package prepared
