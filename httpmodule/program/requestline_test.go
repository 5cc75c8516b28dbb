package program

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestConsoleLogOfARequest(t *testing.T) {
	t.Parallel()
	fields := func(path string) []zap.Field {
		return []zap.Field{
			zap.String("method", "POST"), zap.String("route", "/x/:id"), zap.String("path", path), zap.Int("status", 200),
			zap.Duration("duration", 1834*time.Microsecond), zap.Int64("bytes", 9), zap.String("client", "127.0.0.1"),
			zap.String("request_id", "id7"), zap.Uint64("session", 3), zap.String("key", "reader"),
		}
	}
	for path, want := range map[string]string{
		"/x/1":         "INFO  POST /x/1 200 1.8ms id7 127.0.0.1 reader\n",
		"/x/\x1b[2J\n": `INFO  POST "/x/\x1b[2J\n" 200 1.8ms id7 127.0.0.1 reader` + "\n",
	} {
		var b bytes.Buffer
		log := newLogger(LogConfig{Level: zapcore.InfoLevel, Format: LogConsole}, &b)
		log.With(zap.String("a", "b")).Info("request", fields(path)...)
		if _, line, _ := strings.Cut(b.String(), "  "); !strings.HasPrefix(line, strings.TrimSuffix(want, "\n")) {
			t.Errorf("got %q, want %q", line, want)
		}
	}
	var b bytes.Buffer
	newLogger(LogConfig{Level: zapcore.InfoLevel, Format: LogConsole}, &b).Info("request", zap.String("a", "b"))
	if !strings.Contains(b.String(), `{"a": "b"}`) {
		t.Errorf("somebody else's line is left alone: %q", b.String())
	}
	b.Reset()
	newLogger(LogConfig{Level: zapcore.InfoLevel, Format: LogJSON}, &b).Info("request", fields("/x/1")...)
	if !strings.Contains(b.String(), `"session":3`) {
		t.Errorf("JSON has every field: %q", b.String())
	}
}
