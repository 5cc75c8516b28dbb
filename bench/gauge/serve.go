package gauge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime/metrics"
	"strings"

	"github.com/openhands-go/server/bench/contract"
)

// Serve runs a contender as [Launch] expects it: it takes c.URL from the first
// line of stdin, says on stdout where it serves and where it counts, and ends
// when stdin does.
func Serve(ctx context.Context, serve contract.ServeFunc, c contract.Config, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	input := bufio.NewReader(stdin)
	line, err := input.ReadString('\n')
	if err != nil {
		return fmt.Errorf("gauge: read the database's URL from standard input: %w", err)
	}
	c.URL = strings.TrimSpace(line)
	go func() {
		_, _ = io.Copy(io.Discard, input) // its end, in whatever way, is what counts
		cancel()
	}()
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("gauge: listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", counters)
	mux.HandleFunc("/profile", pprof.Profile)
	control := &http.Server{Handler: mux}
	controlled := make(chan error, 1)
	go func() { controlled <- control.Serve(listener) }()
	err = serve(ctx, c, func(addr string) {
		line, _ := json.Marshal(Ready{Addr: addr, Control: listener.Addr().String()}) // two texts
		_, _ = fmt.Fprintf(stdout, "%s\n", line)                                      // the parent process reports a line that is missing
	})
	err = errors.Join(err, control.Close())
	if controlErr := <-controlled; !errors.Is(controlErr, http.ErrServerClosed) {
		err = errors.Join(err, controlErr)
	}
	return err
}

func counters(w http.ResponseWriter, _ *http.Request) {
	// Tiny objects share a block and are counted apart.
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/tiny/allocs:objects"}}
	metrics.Read(samples)
	all := samples[0].Value.Uint64() + samples[1].Value.Uint64()
	_ = json.NewEncoder(w).Encode(Counters{Allocations: all}) // the reader would be gone
}
