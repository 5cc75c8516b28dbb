package live

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// authTimeout is how long a client may take to send its key.
const authTimeout = 10 * time.Second

// Codes of OpenHands' own.
var (
	errUnauthorized = &httpstream.CloseError{Code: 4001, Reason: "Authentication failed"}
	errGone         = &httpstream.CloseError{Code: 4004, Reason: "Conversation not found"}
	errSubscribe    = &httpstream.CloseError{Code: httpstream.CloseInternal, Reason: "subscribe_failed"}
)

// caller is who opened a websocket.
type caller struct {
	httpmodule.Caller
	// silent is set while the key is to come in the first frame.
	silent bool
}

// admit looks at the key of an upgrade: one that is sent by header or query must be right, and one
// that is not sent comes in the first frame.
func admit(c echo.Context) (*caller, error) {
	who, err := httpmodule.CallerOf(c.Request())
	if err != nil {
		return nil, err
	}
	err = httpmodule.Authenticate(c.Request())
	if err == nil {
		return &caller{Caller: who}, nil
	}
	if !who.SentKey() {
		return &caller{Caller: who, silent: true}, nil
	}
	var told *httpmodule.HTTPError
	if errors.As(err, &told) && told.Status == http.StatusUnauthorized {
		return nil, httpmodule.NewError(http.StatusForbidden, "Forbidden: the key is wrong")
	}
	return nil, err
}

// identify waits for the key, if it is to come in the first frame.
func (c *caller) identify(ctx context.Context, socket *httpstream.Socket) error {
	if !c.silent {
		return nil
	}
	timer := time.NewTimer(authTimeout)
	defer timer.Stop()
	select {
	case frame, there := <-socket.Frames():
		if !there { // the client has gone, and so ctx ends
			<-ctx.Done()
			return ctx.Err()
		}
		key, ok := authKey(frame)
		if !ok {
			return errUnauthorized
		}
		who := c.WithKey(key)
		if who.Admit(http.MethodGet) != nil {
			return errUnauthorized
		}
		c.Caller, c.silent = who, false
		return nil
	case <-timer.C:
		return errUnauthorized
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mayWrite asks whether the caller's key is good for writing, too.
func (c *caller) mayWrite() error { return c.Admit(http.MethodPost) }

// authKey reads an authentication frame.
func authKey(frame []byte) (key string, ok bool) {
	object, err := wire.ParseObject(frame)
	if err != nil {
		return "", false
	}
	var kind string
	if json.Unmarshal(object["type"], &kind) != nil || kind != "auth" {
		return "", false
	}
	return key, json.Unmarshal(object["session_api_key"], &key) == nil && strings.TrimSpace(key) != ""
}

// isAuth tells an authentication frame, also one that comes too late to matter.
func isAuth(frame []byte) bool {
	object, err := wire.ParseObject(frame)
	if err != nil {
		return false
	}
	var kind string
	return json.Unmarshal(object["type"], &kind) == nil && kind == "auth"
}
