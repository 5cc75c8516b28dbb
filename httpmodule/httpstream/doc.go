// Package httpstream keeps connections open to show what happens: websockets and server-sent
// events, on plain routes and typed ones.
//
// A handler gets a [Socket] or an [EventWriter] and runs as long as the client stays. Around it
// this package bounds how many there are, in all and from one address, sends heartbeats, ends
// clients that do not read, and at a stop of the server closes all with 1001. A stream needs
// the route's limits of time lifted, which [Streams.Route] does:
//
//	streams.Route(api, e.GET("/orders/:id/live", streams.WebSocket(live)))
//
// While a stream runs, its request has no session of the database open: a handler reads in short
// sessions of its own. Package dbmodule/feed tells it when.
//
// What is sent to many subscribers goes through a [Queue] for each, which never makes the sender
// wait: who is too slow is told by it, and closed.
package httpstream
