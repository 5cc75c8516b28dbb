package keys

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// rereadAfter is how long a file that was read is believed.
	rereadAfter = time.Second
	mostBytes   = 1 << 20
)

// source has the keys that count now: those that never change, and those of a file.
type source struct {
	path  string
	fixed ring
	log   *zap.Logger
	now   func() time.Time

	current atomic.Pointer[ring]

	// mu is held by the one who reads the file.
	mu      sync.Mutex
	next    time.Time
	digest  [sha256.Size]byte
	problem string // as it was told last
}

// newSource reads the file, if path is not empty. What is wrong with it is an error now,
// and a line in the log later.
func newSource(path string, fixed ring, log *zap.Logger, now func() time.Time) (*source, error) {
	s := &source{path: path, fixed: fixed, log: log, now: now}
	s.current.Store(&fixed)
	if path == "" {
		return s, nil
	}
	s.next = now().Add(rereadAfter)
	if _, err := s.read(); err != nil {
		return nil, err
	}
	return s, nil
}

// keys are those that count now. Once a second somebody who asks reads the file again:
// files behind a mount or a link tell no better when they change. Nobody waits for who reads.
func (s *source) keys() ring {
	if s.path != "" && s.mu.TryLock() {
		if now := s.now(); !now.Before(s.next) {
			s.next = now.Add(rereadAfter)
			s.refresh()
		}
		s.mu.Unlock()
	}
	return *s.current.Load()
}

// refresh reads the file again. What can't be read changes nothing: the keys of before stay.
func (s *source) refresh() {
	changed, err := s.read()
	switch {
	case err != nil && err.Error() != s.problem:
		s.problem = err.Error()
		s.log.Error("keys not changed: the file can't be used, those of before stay", zap.Error(err))
	case err == nil && (changed || s.problem != ""):
		s.problem = ""
		s.log.Info("keys read again", zap.Int("keys", len(*s.current.Load())))
	}
}

// read makes what the file says count.
func (s *source) read() (changed bool, err error) {
	text, err := readFile(s.path)
	if err != nil {
		return false, fmt.Errorf("keys: API_KEYS_FILE: %w", err)
	}
	digest := sha256.Sum256(text)
	if digest == s.digest {
		return false, nil
	}
	listed, err := parse(string(text))
	if err == nil {
		listed, err = join(s.fixed, listed)
	}
	if err != nil {
		return false, fmt.Errorf("keys: API_KEYS_FILE: %w", err)
	}
	s.digest = digest
	s.current.Store(&listed)
	return true, nil
}

// readFile returns errors without the path: somebody may have put a key in its place.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the file: %w", withoutPath(err))
	}
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the file: %w", withoutPath(err))
	}
	if len(text) > mostBytes {
		return nil, fmt.Errorf("the file has more than %d bytes", mostBytes)
	}
	return text, nil
}

func withoutPath(err error) error {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		return inner.Err
	}
	return err
}
