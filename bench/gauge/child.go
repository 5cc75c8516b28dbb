// Package gauge runs contenders as processes of their own and reads what they
// use.
package gauge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// Ready is the line of JSON with which a contender says that it serves.
type Ready struct {
	// Addr is where it serves, as host:port.
	Addr string `json:"addr"`
	// Control is where it tells its [Counters]; empty when it has none.
	Control string `json:"control,omitempty"`
	// Version names what it is made of; empty when the caller knows.
	Version string `json:"version,omitempty"`
}

// Counters are what a Go program knows about itself.
type Counters struct {
	// Allocations is the number of objects on the heap since its start.
	Allocations uint64 `json:"allocations"`
}

// Child is a running contender.
type Child struct {
	Ready
	// Start is the time from before the process was made until it served.
	Start time.Duration

	command *exec.Cmd
	process *process.Process
	stdin   io.Closer
}

// startLimit bounds how long a contender may take to serve.
const startLimit = 30 * time.Second

// Launch starts a contender and waits until it serves. It gets url as the
// first line of its standard input, which keeps passwords out of the list of
// processes, and is to end when that input does, at the latest with this
// process. What it writes to its standard error goes to stderr. The caller
// stops it.
func Launch(ctx context.Context, argv []string, url string, stderr io.Writer) (_ *Child, err error) {
	command := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...)
	command.Stderr = stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("gauge: launch: %w", err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("gauge: launch: %w", err)
	}
	c := &Child{command: command, stdin: stdin}
	began := time.Now()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("gauge: launch: %w", err)
	}
	lines := make(chan error, 1)
	go func() {
		// One that does not read it ends, or gives no answer.
		_, _ = fmt.Fprintln(stdin, url)
		lines <- c.readReady(stdout)
	}()
	select {
	case err = <-lines:
	case <-time.After(startLimit):
		err = fmt.Errorf("no answer after %s", startLimit)
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.Start = time.Since(began)
	if err == nil {
		c.process, err = process.NewProcess(int32(command.Process.Pid))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gauge: launch %s: %w", argv, err), c.Stop())
	}
	return c, nil
}

func (c *Child) readReady(stdout io.Reader) error {
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("it ended before it served: %w", err)
	}
	if err := json.Unmarshal(line, &c.Ready); err != nil {
		return fmt.Errorf("read %q: %w", line, err)
	}
	return nil
}

// stopLimit bounds how long a contender may take to end.
const stopLimit = 10 * time.Second

// Stop ends the contender by closing its input, or kills it when that takes
// too long.
func (c *Child) Stop() error {
	_ = c.stdin.Close() // it may have ended already
	kill := time.AfterFunc(stopLimit, func() { _ = c.command.Process.Kill() })
	defer kill.Stop()
	err := c.command.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("gauge: %s: %w", c.command.Args, err)
	}
	return nil
}

// Usage is what the process used since its start.
type Usage struct {
	CPU time.Duration
	Counters
}

// Usage reads the counters.
func (c *Child) Usage(ctx context.Context) (Usage, error) {
	times, err := c.process.TimesWithContext(ctx)
	if err != nil {
		return Usage{}, fmt.Errorf("gauge: read the CPU time: %w", err)
	}
	u := Usage{CPU: time.Duration((times.User + times.System) * float64(time.Second))}
	if c.Control == "" {
		return u, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Control, nil)
	if err != nil {
		return Usage{}, fmt.Errorf("gauge: read counters: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return Usage{}, fmt.Errorf("gauge: read counters: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&u.Counters); err != nil {
		return Usage{}, fmt.Errorf("gauge: read counters: %w", err)
	}
	return u, nil
}

// Profile writes a CPU profile of the process under a load into the file at path, for `go tool pprof`. It
// takes d, in whole seconds and one at least; load should take as long.
func (c *Child) Profile(ctx context.Context, d time.Duration, path string, load func() error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("gauge: profile: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	loaded := make(chan error, 1)
	go func() { loaded <- load() }()
	err = c.profile(ctx, d, file)
	return errors.Join(err, <-loaded)
}

func (c *Child) profile(ctx context.Context, d time.Duration, to io.Writer) error {
	seconds := max(int(d/time.Second), 1)
	url := fmt.Sprintf("http://%s/profile?seconds=%d", c.Control, seconds)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("gauge: profile: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("gauge: profile: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("gauge: profile: %s", response.Status)
	}
	if _, err := io.Copy(to, response.Body); err != nil {
		return fmt.Errorf("gauge: profile: %w", err)
	}
	return nil
}

// RSS reads how many bytes of memory the process holds.
func (c *Child) RSS(ctx context.Context) (uint64, error) {
	info, err := c.process.MemoryInfoWithContext(ctx)
	if err != nil {
		return 0, fmt.Errorf("gauge: read the memory: %w", err)
	}
	return info.RSS, nil
}
