package httpmodule

import (
	"fmt"
	"io"

	"github.com/labstack/echo/v4"
	gommon "github.com/labstack/gommon/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zapio"
)

// echoLogger is the server's zap log as an echo.Logger, which handlers get from c.Logger(). The
// zap log decides about level, format and output: the Set methods do nothing.
type echoLogger struct {
	zap    *zap.SugaredLogger
	output io.Writer
}

var _ echo.Logger = (*echoLogger)(nil)

func newEchoLogger(log *zap.Logger) *echoLogger {
	return &echoLogger{
		zap:    log.WithOptions(zap.AddCallerSkip(1)).Sugar(),
		output: &zapio.Writer{Log: log, Level: zapcore.InfoLevel},
	}
}

// Output returns a writer whose lines become entries of the log.
func (l *echoLogger) Output() io.Writer { return l.output }

func (l *echoLogger) SetOutput(io.Writer)  {}
func (l *echoLogger) SetLevel(gommon.Lvl)  {}
func (l *echoLogger) SetHeader(string)     {}
func (l *echoLogger) SetPrefix(string)     {}
func (l *echoLogger) Prefix() string       { return "" }
func (l *echoLogger) Level() gommon.Lvl    { return echoLevel(l.zap.Level()) }
func (l *echoLogger) Print(args ...any)    { l.zap.Info(args...) }
func (l *echoLogger) Debug(args ...any)    { l.zap.Debug(args...) }
func (l *echoLogger) Info(args ...any)     { l.zap.Info(args...) }
func (l *echoLogger) Warn(args ...any)     { l.zap.Warn(args...) }
func (l *echoLogger) Error(args ...any)    { l.zap.Error(args...) }
func (l *echoLogger) Printj(j gommon.JSON) { l.zap.Infow("message", pairs(j)...) }
func (l *echoLogger) Debugj(j gommon.JSON) { l.zap.Debugw("message", pairs(j)...) }
func (l *echoLogger) Infoj(j gommon.JSON)  { l.zap.Infow("message", pairs(j)...) }
func (l *echoLogger) Warnj(j gommon.JSON)  { l.zap.Warnw("message", pairs(j)...) }
func (l *echoLogger) Errorj(j gommon.JSON) { l.zap.Errorw("message", pairs(j)...) }
func (l *echoLogger) Panic(args ...any)    { l.zap.Panic(args...) }
func (l *echoLogger) Panicj(j gommon.JSON) { l.zap.Panicw("message", pairs(j)...) }

func (l *echoLogger) Printf(format string, args ...any) { l.zap.Infof(format, args...) }
func (l *echoLogger) Debugf(format string, args ...any) { l.zap.Debugf(format, args...) }
func (l *echoLogger) Infof(format string, args ...any)  { l.zap.Infof(format, args...) }
func (l *echoLogger) Warnf(format string, args ...any)  { l.zap.Warnf(format, args...) }
func (l *echoLogger) Errorf(format string, args ...any) { l.zap.Errorf(format, args...) }
func (l *echoLogger) Panicf(format string, args ...any) { l.zap.Panicf(format, args...) }

// The Fatal methods panic instead of ending the process. The request is answered with 500, and
// the server keeps running.
func (l *echoLogger) Fatal(args ...any)                 { l.zap.Panic(args...) }
func (l *echoLogger) Fatalj(j gommon.JSON)              { l.zap.Panicw("message", pairs(j)...) }
func (l *echoLogger) Fatalf(format string, args ...any) { l.zap.Panicf(format, args...) }

// pairs converts a map to zap's alternating keys and values.
func pairs(j gommon.JSON) []any {
	all := make([]any, 0, 2*len(j))
	for name, value := range j {
		all = append(all, name, fmt.Sprint(value))
	}
	return all
}

func echoLevel(level zapcore.Level) gommon.Lvl {
	switch {
	case level <= zapcore.DebugLevel:
		return gommon.DEBUG
	case level == zapcore.InfoLevel:
		return gommon.INFO
	case level == zapcore.WarnLevel:
		return gommon.WARN
	default:
		return gommon.ERROR
	}
}
