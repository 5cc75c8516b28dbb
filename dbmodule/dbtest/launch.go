package dbtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// create makes the data directory and starts the server for the first time.
func (s *Server) create(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	command, err := s.recipe.initialise(s.binaries, s.layout, s.options)
	if err != nil {
		return err
	}
	if err := s.account.own(s.layout.secret()); err != nil {
		return err
	}
	if _, err := os.Stat(s.layout.passfile()); err == nil {
		if err := s.account.own(s.layout.passfile()); err != nil {
			return err
		}
	}
	if err := s.run(command); err != nil {
		return err
	}
	status, err := s.process.await(ctx)
	err = errors.Join(err, s.forget())
	if err != nil || status != 0 {
		return s.explain("make data directory", errors.Join(err, fmt.Errorf("%s ended with status %d", command[0], status)))
	}
	err = s.launch(ctx, func() (err error) {
		s.port, err = freePort(ctx)
		return err
	})
	// The server has read the secret file.
	return errors.Join(err, os.Remove(s.layout.secret()))
}

// launch starts the server and waits until it answers. It tries again if the server ends at once.
// prepare runs before each attempt.
func (s *Server) launch(ctx context.Context, prepare func() error) error {
	for attempt := 1; ; attempt++ {
		if err := prepare(); err != nil {
			return err
		}
		if err := s.run(s.recipe.serve(s.binaries, s.layout, s.port, s.options)); err != nil {
			return err
		}
		err := s.awaitAnswer(ctx)
		if err == nil {
			return nil
		}
		if s.process.exited() {
			if forgetErr := s.forget(); forgetErr != nil {
				return forgetErr
			}
			if attempt < startAttempts && pause(ctx, 200*time.Millisecond) == nil {
				continue
			}
		}
		return s.explain("start server", err)
	}
}

func (s *Server) run(command []string) error {
	log, err := os.OpenFile(s.layout.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("dbtest: open log: %w", err)
	}
	s.process, err = startProcess(s.account, s.layout.folder, s.recipe.path, log, command)
	return errors.Join(err, log.Close())
}

var errEnded = errors.New("it ended by itself")

func (s *Server) awaitAnswer(ctx context.Context) error {
	u, err := dbmodule.ParseURL(s.url())
	if err != nil {
		return err
	}
	cfg := dbmodule.DefaultConfig()
	cfg.URL = u
	for {
		err := ping(ctx, cfg)
		if err == nil {
			return nil
		}
		if s.process.exited() {
			return errEnded
		}
		if pauseErr := pause(ctx, 10*time.Millisecond); pauseErr != nil {
			return errors.Join(pauseErr, err)
		}
	}
}

func ping(ctx context.Context, cfg dbmodule.Config) error {
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return errors.Join(db.Ping(ctx), db.Close())
}

// end sends a signal to the server, if it runs, and kills it if it does not end in
// time.
func (s *Server) end(with syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	err := s.resume()
	err = errors.Join(err, s.process.signal(with))
	return errors.Join(err, s.awaitEnd())
}

func (s *Server) awaitEnd() error {
	err := s.process.end(endLimit)
	return errors.Join(err, s.forget())
}

// forget removes the reference to a process that has ended.
func (s *Server) forget() error {
	s.process, s.paused = nil, nil
	return s.watchdog.forget()
}

// explain adds the end of the server's log to an error.
func (s *Server) explain(what string, cause error) error {
	const tail = 3000
	log, err := os.ReadFile(s.layout.log())
	if err != nil {
		return errors.Join(fmt.Errorf("dbtest: %s: %w", what, cause), err)
	}
	if len(log) > tail {
		log = log[len(log)-tail:]
	}
	return fmt.Errorf("dbtest: %s: %w; its log ends:\n%s", what, cause, strings.TrimSpace(string(log)))
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("dbtest: find free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
