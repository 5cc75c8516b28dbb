package httpmodule

import (
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logAccess logs one line per request. The line has no query string, header or
// body, because these may hold keys and search terms.
func (s *Server) logAccess(c echo.Context, r *request, w *response, started time.Time) {
	level := zapcore.InfoLevel
	switch {
	case w.status >= 500:
		level = zapcore.WarnLevel
	case s.probes[c.Path()]:
		level = zapcore.DebugLevel
	}
	entry := s.log.Check(level, "request")
	if entry == nil {
		return
	}
	entry.Write(append([]zap.Field{
		zap.String("method", c.Request().Method),
		zap.String("route", c.Path()),
		zap.String("path", c.Request().URL.Path),
		zap.Int("status", w.status),
		zap.Duration("duration", time.Since(started)),
		zap.Int64("bytes", w.bytes),
		zap.String("client", c.RealIP()),
	}, r.fields()...)...)
}
