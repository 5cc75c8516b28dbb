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
	// rereadAfter is how long the file's keys are used before it is read again.
	rereadAfter = time.Second
	maxBytes    = 1 << 20
)

// source has the current keys: the keys of variables, and the keys of a file.
type source struct {
	path  string
	fixed ring
	log   *zap.Logger
	now   func() time.Time

	current atomic.Pointer[ring]

	// mu is held while the file is read.
	mu      sync.Mutex
	next    time.Time
	digest  [sha256.Size]byte
	problem string // the last error in the log
}

// newSource reads the file, if path is not empty. It returns an error if the file can't be used. Later
// errors are only logged.
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

// keys returns the current keys. Once a second, one caller reads the file again; the other callers do not
// wait for it. The file is read instead of watched, because notifications are not reliable for files
// behind a mount or a link.
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

// refresh reads the file again. If that fails, the keys do not change.
func (s *source) refresh() {
	changed, err := s.read()
	switch {
	case err != nil && err.Error() != s.problem:
		s.problem = err.Error()
		s.log.Error("the file of keys can't be used: the previous keys stay valid", zap.Error(err))
	case err == nil && (changed || s.problem != ""):
		s.problem = ""
		s.log.Info("keys read again", zap.Int("keys", len(*s.current.Load())))
	}
}

// read reads the file and makes its keys the current ones.
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

// readFile reads the file. Its errors do not contain the path: somebody may have set the variable to a key.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the file: %w", withoutPath(err))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the file: %w", withoutPath(err))
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("the file has more than %d bytes", maxBytes)
	}
	return text, nil
}

func withoutPath(err error) error {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		return inner.Err
	}
	return err
}
