package contract

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// ReadyFunc is called once by a contender that accepts connections.
type ReadyFunc func(addr string)

// ServeFunc serves the three routes on a free port of the loopback interface
// until ctx ends.
type ServeFunc func(ctx context.Context, c Config, ready ReadyFunc) error

// Listen serves a handler as [ServeFunc] says.
func Listen(ctx context.Context, handler http.Handler, ready ReadyFunc) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("contract: listen: %w", err)
	}
	server := &http.Server{Handler: handler}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve returns for it
	defer stop()
	ready(listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("contract: serve: %w", err)
	}
	return nil
}
