package httpmodule

import (
	"mime/multipart"
	"net/http"
	"sync"
)

// uploads are the temporary files of a request's form. net/http removes only those of a form in the
// request that it made itself, and handlers read the form of a copy.
type uploads struct {
	mu    sync.Mutex
	form  *multipart.Form
	ended bool
}

// note remembers the form of a copy of the request, if it was read.
func (u *uploads) note(r *http.Request) {
	if r.MultipartForm == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.form = r.MultipartForm
	if u.ended { // whoever reads it was left behind by the request
		_ = u.form.RemoveAll()
	}
}

// end removes the files.
func (u *uploads) end() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	if u.form == nil {
		return nil
	}
	return u.form.RemoveAll()
}
