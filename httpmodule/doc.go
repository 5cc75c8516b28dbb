// Package httpmodule is the HTTP layer of a service whose state is in a
// dbmodule database: an Echo server with a typed huma API on the same router,
// a database session per request, one table from errors to statuses, health
// probes and offline API documentation.
//
// With fx, add [Module] and bring routes with [AsRoutes]. Without fx, [New],
// [Server.Start] and [Server.Stop] do the same work.
//
// # Request sessions
//
// [Session] returns the request's session of a factory. It begins with the
// first statement and ends before the first byte of the response is sent. It is
// committed if the status is below 400, and rolled back otherwise. If the commit
// fails, its error becomes the response, so that a client never receives a
// success for something that is not stored.
//
// # Errors
//
// Handlers return errors. Errors of plain Echo handlers and of typed ones are
// answered alike, in FastAPI's shape, {"detail": …}: see [HTTPError] and
// [ErrorMapping].
package httpmodule
