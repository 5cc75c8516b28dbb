package httpmodule

import (
	"mime/multipart"
	"net/http"
	"sync"
)

// uploads are the temporary files of a request's form. net/http removes the files of its own
// http.Request only, and handlers parse the form of a copy of it.
type uploads struct {
	mu    sync.Mutex
	form  *multipart.Form
	ended bool
}

// track remembers the form of a copy of the request, if a handler has parsed it.
func (u *uploads) track(r *http.Request) {
	if r.MultipartForm == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.form = r.MultipartForm
	if u.ended { // a goroutine that has outlived the request has parsed it
		_ = u.form.RemoveAll()
	}
}

// removeAll removes the files.
func (u *uploads) removeAll() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	if u.form == nil {
		return nil
	}
	return u.form.RemoveAll()
}
