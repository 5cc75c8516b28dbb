package httpmodule

import (
	"net/http"

	"github.com/openhands-go/server/dbmodule"
)

const (
	// headerWriteToken and cookieWriteToken carry dbmodule.WriteToken: from us
	// after a write, back to any process of ours with the client's next reads.
	// Clients that keep no cookies use the header.
	headerWriteToken = "Write-Token"
	cookieWriteToken = "write_token"
	// writeTokenMaxAge is how long a browser keeps it, in seconds: longer than
	// any replica should be behind.
	writeTokenMaxAge = 3600
)

// writeTokenOf is what the client has written before, "" if it does not say.
func writeTokenOf(r *http.Request) string {
	if token := r.Header.Get(headerWriteToken); token != "" {
		return token
	}
	if cookie, err := r.Cookie(cookieWriteToken); err == nil {
		return cookie.Value
	}
	return ""
}

// tellWriteToken gives the client a token for what the request wrote. Without
// replicas there is none.
func (r *request) tellWriteToken(header http.Header) {
	token := dbmodule.WriteToken(r)
	if token == "" {
		return
	}
	header.Set(headerWriteToken, token)
	cookie := http.Cookie{
		Name: cookieWriteToken, Value: token, Path: "/", MaxAge: writeTokenMaxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.http.TLS != nil,
	}
	header.Add("Set-Cookie", cookie.String())
}
