// Package live shows clients what happens in a conversation as it is stored: by OpenHands' two
// websockets, /sockets/events/{id} and /sockets/session/{id}, and by a stream of server-sent
// events.
//
// A room is a conversation that somebody listens to in this process. It gets hints from the feed
// (dbmodule/feed), reads what is stored after the last event that it gave, once for all
// listeners, and puts it into a queue for each of them. A listener that begins further back reads
// what came before by itself, in pages. So each sees every event once, in the order of the
// numbers. Pieces of messages and repetitions of the whole state, which are not stored, are
// handed on in the process that got them.
package live
