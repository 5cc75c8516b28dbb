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

// Close codes of OpenHands' websockets.
var (
	errUnauthorized = &httpstream.CloseError{Code: 4001, Reason: "Authentication failed"}
	errGone         = &httpstream.CloseError{Code: 4004, Reason: "Conversation not found"}
	errSubscribe    = &httpstream.CloseError{Code: httpstream.CloseInternal, Reason: "subscribe_failed"}
)

// caller is the client of a websocket.
type caller struct {
	httpmodule.Caller
	// keyPending says that the client must still send its key, in the first frame.
	keyPending bool
}

// admit checks the key of a handshake. A key in the header or the query must be right. A client without one must
// send it in the first frame.
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
		return &caller{Caller: who, keyPending: true}, nil
	}
	var answer *httpmodule.HTTPError
	if errors.As(err, &answer) && answer.Status == http.StatusUnauthorized {
		return nil, httpmodule.NewError(http.StatusForbidden, "Forbidden: the key is wrong")
	}
	return nil, err
}

// identify waits for the key, if the client must send it in the first frame.
func (c *caller) identify(ctx context.Context, socket *httpstream.Socket) error {
	if !c.keyPending {
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
		c.Caller, c.keyPending = who, false
		return nil
	case <-timer.C:
		return errUnauthorized
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keyCheck is how often an open stream asks whether its client's key still allows reading. A key that
// was removed must not go on reading. While stored events are replayed, it asks before each page.
const keyCheck = 5 * time.Second

// isRevoked reports whether the caller's key was removed, or does not allow reading any more. A 429 says
// nothing about the key: others at the client's address have guessed.
func isRevoked(who httpmodule.Caller) bool {
	var answer *httpmodule.HTTPError
	return errors.As(who.Admit(http.MethodGet), &answer) && answer.Status != http.StatusTooManyRequests
}

// mayWrite returns an error unless the caller's key allows writing.
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

// isAuth reports whether a frame is an authentication frame. Clients may send one although it is not needed.
func isAuth(frame []byte) bool {
	object, err := wire.ParseObject(frame)
	if err != nil {
		return false
	}
	var kind string
	return json.Unmarshal(object["type"], &kind) == nil && kind == "auth"
}
