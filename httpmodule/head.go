package httpmodule

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"
)

// answerHead registers a HEAD route for each GET route that has none. GET's handler answers it,
// and headBody discards the body.
func (s *Server) answerHead() {
	s.answerHeadOf(s.echo.Router())
	for _, router := range s.echo.Routers() {
		s.answerHeadOf(router)
	}
}

func (s *Server) answerHeadOf(router *echo.Router) {
	gets, heads := make(map[string]bool), make(map[string]bool)
	for _, route := range router.Routes() {
		switch route.Method {
		case http.MethodGet:
			gets[route.Path] = true
		case http.MethodHead:
			heads[route.Path] = true
		}
	}
	for path := range gets {
		if !heads[path] {
			router.Add(http.MethodHead, path, s.getHandler(router))
		}
	}
}

// getHandler returns a handler that calls GET's handler for the same path. It finds that handler
// with a new Echo context, because middleware may have replaced c by another type or changed
// its path.
func (s *Server) getHandler(router *echo.Router) echo.HandlerFunc {
	return func(c echo.Context) error {
		path := echo.GetPath(c.Request())
		if r := requestOf(c.Request().Context()); r != nil && r.response.head != nil {
			path = r.response.head.path
		}
		finder := s.echo.AcquireContext()
		finder.Reset(nil, nil)
		router.Find(http.MethodGet, path, finder)
		handler := finder.Handler()
		s.echo.ReleaseContext(finder)
		return handler(c)
	}
}

// headBody counts the body of a response to HEAD instead of sending it.
type headBody struct {
	// path is the path by which the router found the route.
	path   string
	length int64
	// status is the status that the handler has written, 0 before. The header is sent when
	// the handler has returned, with the length of the whole body, or when it flushes.
	status int
	sent   bool
}

// count adds a part of the body to its length. If the response has no Content-Type, it detects
// one, as net/http does for GET.
func (h *headBody) count(b []byte, header http.Header) {
	if _, typed := header["Content-Type"]; !typed && h.length == 0 && len(b) > 0 && header.Get("Content-Encoding") == "" {
		header.Set("Content-Type", http.DetectContentType(b))
	}
	h.length += int64(len(b))
}

// sendHead sends the header of a response to HEAD, without Content-Length if the body is
// streamed.
func (w *response) sendHead(streams bool) {
	if w.head == nil || w.head.sent || w.head.status == 0 {
		return
	}
	w.head.sent = true
	status, header := w.head.status, w.Header()
	empty := status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
	if !streams && !empty && header.Get("Content-Length") == "" && header.Get("Transfer-Encoding") == "" {
		header.Set("Content-Length", strconv.FormatInt(w.head.length, 10))
	}
	w.ResponseWriter.WriteHeader(status)
}
