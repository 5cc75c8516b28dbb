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
// first statement and ends before the first byte of the response leaves:
// committed when the status is below 400, rolled back otherwise. A commit that
// fails replaces the response, so that a client never holds a success for
// something that is not stored.
//
// # Errors
//
// Handlers return errors. Plain Echo handlers and typed ones get the same
// answers in FastAPI's shape, {"detail": …}: see [HTTPError] and
// [ErrorMapping].
package httpmodule
