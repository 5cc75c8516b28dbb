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
			router.Add(http.MethodHead, path, func(c echo.Context) error {
				router.Find(http.MethodGet, echo.GetPath(c.Request()), c)
				return c.Handler()(c)
			})
		}
	}
}

// headBody is what a response to HEAD has in place of a body: its length.
type headBody struct {
	length int64
	// status is what the handler decided, 0 until then. The header is sent with the
	// whole length, when the handler has returned or flushes.
	status int
	sent   bool
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
