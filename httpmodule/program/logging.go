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

// LogFormat is how log entries are written.
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

// on resolves LogAuto for a writer.
func (f LogFormat) on(w any) LogFormat {
	switch {
	case f != LogAuto:
		return f
	case isTerminal(w):
		return LogConsole
	default:
		return LogJSON
	}
}

// newLogger makes the logger that everything in the process shares.
func newLogger(cfg LogConfig, w io.Writer) *zap.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeDuration = zapcore.StringDurationEncoder
	var encoder zapcore.Encoder
	if cfg.Format.on(w) == LogConsole {
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

// logEvents sends what fx does to the log, at debug only: its errors come
// back as errors, which are printed once.
func logEvents(log *zap.Logger) fx.Option {
	return fx.WithLogger(func() fxevent.Logger {
		events := &fxevent.ZapLogger{Logger: log.Named("fx")}
		events.UseLogLevel(zap.DebugLevel)
		events.UseErrorLevel(zap.DebugLevel)
		return events
	})
}

// isTerminal tells whether a person sits at a reader or writer.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && file != nil && term.IsTerminal(int(file.Fd()))
}
