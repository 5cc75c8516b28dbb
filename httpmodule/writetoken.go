package httpmodule

import (
	"net/http"

	"github.com/openhands-go/server/dbmodule"
)

const (
	// headerWriteToken and cookieWriteToken carry dbmodule.WriteToken. The response to a write
	// has both; the client sends one of them with its next reads, to any process of the
	// server. Clients without cookies use the header.
	headerWriteToken = "Write-Token"
	cookieWriteToken = "write_token"
	// writeTokenMaxAge is how long a browser keeps the cookie, in seconds. No replica should
	// lag behind that long.
	writeTokenMaxAge = 3600
)

// writeTokenOf returns the token that the client sent, or "".
func writeTokenOf(r *http.Request) string {
	if token := r.Header.Get(headerWriteToken); token != "" {
		return token
	}
	if cookie, err := r.Cookie(cookieWriteToken); err == nil {
		return cookie.Value
	}
	return ""
}

// setWriteToken sends the client a token for what the request wrote, if the database has replicas.
func (r *request) setWriteToken(header http.Header) {
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
