package program

import (
	"fmt"
	"io"
	"os"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// LogFormat is the format of the log.
type LogFormat string

// The values of LOG_FORMAT.
const (
	// LogAuto is LogConsole on a terminal and LogJSON elsewhere.
	LogAuto    LogFormat = "auto"
	LogConsole LogFormat = "console"
	LogJSON    LogFormat = "json"
)

func (f LogFormat) valid() bool { return f == LogAuto || f == LogConsole || f == LogJSON }

// UnmarshalText accepts auto, console and json.
func (f *LogFormat) UnmarshalText(text []byte) error {
	if *f = LogFormat(text); !f.valid() {
		return fmt.Errorf("program: log format %q: takes auto, console or json", string(text))
	}
	return nil
}

// resolve replaces LogAuto by the format for a writer.
func (f LogFormat) resolve(w any) LogFormat {
	switch {
	case f != LogAuto:
		return f
	case isTerminal(w):
		return LogConsole
	default:
		return LogJSON
	}
}

// newLogger makes the process's logger.
func newLogger(cfg LogConfig, w io.Writer) *zap.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeDuration = zapcore.StringDurationEncoder
	var encoder zapcore.Encoder
	if cfg.Format.resolve(w) == LogConsole {
		encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		encoding.EncodeLevel = zapcore.CapitalLevelEncoder
		if isTerminal(w) {
			encoding.EncodeLevel = zapcore.CapitalColorLevelEncoder
		}
		encoding.ConsoleSeparator = "  "
		encoder = requestLines{zapcore.NewConsoleEncoder(encoding)}
	} else {
		encoding.TimeKey = "time"
		encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
		encoder = zapcore.NewJSONEncoder(encoding)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), cfg.Level)
	return zap.New(core, zap.ErrorOutput(zapcore.Lock(zapcore.AddSync(w))))
}

// logEvents logs fx's events at debug level. Errors too: fx also returns them, and they are printed
// once.
func logEvents(log *zap.Logger) fx.Option {
	return fx.WithLogger(func() fxevent.Logger {
		events := &fxevent.ZapLogger{Logger: log.Named("fx")}
		events.UseLogLevel(zap.DebugLevel)
		events.UseErrorLevel(zap.DebugLevel)
		return events
	})
}

// isTerminal reports whether a reader or writer is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && file != nil && term.IsTerminal(int(file.Fd()))
}
