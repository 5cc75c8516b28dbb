package httpmodule

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"
)

// answerHead makes HEAD follow GET: each route that answers GET and has no HEAD of
// its own answers HEAD by the same handler. Its body stays here, see headBody.
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

// getHandler answers by what GET has for the same path. A context of Echo's own finds it:
// c may be another type, which middleware has put around it, and have another path by now.
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

// headBody is what a response to HEAD has in place of a body: its length.
type headBody struct {
	// path is the one that the route was found by.
	path   string
	length int64
	// status is what the handler decided, 0 until then. The header is sent with the
	// whole length, when the handler has returned or flushes.
	status int
	sent   bool
}

// see counts a part of a body, and finds the type of one that has none, as net/http does
// for GET.
func (h *headBody) see(b []byte, header http.Header) {
	if _, typed := header["Content-Type"]; !typed && h.length == 0 && len(b) > 0 && header.Get("Content-Encoding") == "" {
		header.Set("Content-Type", http.DetectContentType(b))
	}
	h.length += int64(len(b))
}

// sendHead sends the header of an answer to HEAD. The length of a body that is
// streamed is not known.
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
