package program

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// requestLines is an encoder for a terminal. It writes a request's entry as one short line, such as
// "POST /path 200 1.8ms id", instead of a map of all its fields.
type requestLines struct{ zapcore.Encoder }

// Clone copies the encoder.
func (e requestLines) Clone() zapcore.Encoder { return requestLines{e.Encoder.Clone()} }

// EncodeEntry writes an entry.
func (e requestLines) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	if line, ok := requestLine(entry.Message, fields); ok {
		entry.Message, fields = line, nil
	}
	return e.Encoder.EncodeEntry(entry, fields)
}

// requestLine returns the short line of an entry, if the entry is httpmodule's access log.
func requestLine(message string, fields []zapcore.Field) (string, bool) {
	if message != "request" {
		return "", false
	}
	var method, path, id, client, key string
	var status int64
	var took time.Duration
	for _, f := range fields {
		switch f.Key {
		case "method":
			method = f.String
		case "path":
			path = f.String
		case "status":
			status = f.Integer
		case "duration":
			took = time.Duration(f.Integer)
		case "request_id":
			id = f.String
		case "client":
			client = f.String
		case "key":
			key = f.String
		}
	}
	if method == "" || status == 0 {
		return "", false
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %d %s %s %s %s", printable(method), printable(path), status, short(took), id, client, key)), true
}

// printable quotes control characters, so that a client can't control the terminal.
func printable(text string) string {
	quoted := strconv.QuoteToGraphic(text)
	if inner := quoted[1 : len(quoted)-1]; inner == text {
		return text
	}
	return quoted
}

// short rounds a duration: at most two decimals.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}
