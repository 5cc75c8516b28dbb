// Package httpstream serves live streams: websockets and server-sent events, on plain routes and
// typed ones.
//
// A handler gets a [Socket] or an [EventWriter] and runs as long as the client stays connected.
// This package limits how many streams are open, in all and from one address, sends heartbeats,
// disconnects clients that do not read, and closes all streams with 1001 when the server stops.
// The time limits of a route must not apply to a stream; [Streams.Route] removes them:
//
//	streams.Route(api, e.GET("/orders/:id/live", streams.WebSocket(live)))
//
// While a stream runs, its request has no database session open: a handler reads in short
// sessions of its own. Package dbmodule/feed notifies it when to read.
//
// To send to many subscribers, use a [Queue] for each of them. A queue never makes the sender
// wait: it reports a client that is too slow, and that client is closed.
package httpstream
