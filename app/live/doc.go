// Package live sends the events of a conversation to clients as they are stored: by OpenHands'
// two websockets, /sockets/events/{id} and /sockets/session/{id}, and by a stream of
// server-sent events.
//
// A room is a conversation that has listeners in this process. The feed (dbmodule/feed) notifies
// it of new events. The room then reads the events after the last one that it sent, once for
// all listeners, and puts them into the queue of each listener. A listener that begins at an
// older event first reads the older ones itself, in pages. So each listener gets every event
// once, in the order of their numbers. Token deltas and full-state snapshots are not stored:
// only the listeners of the process that received them get them.
package live
