package httpmodule

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// refuseHost returns a 421 if the request's Host is not a name of this server, and the server has
// no key. This prevents DNS rebinding: evil.example changes its DNS record to this machine's
// address, so that the browser lets a page of evil.example read from this server and write to
// it. IP addresses are always allowed, because they can't be rebound.
func (s *Server) refuseHost(r *http.Request) error {
	if s.gate != nil || s.answersTo(r.Host) {
		return nil
	}
	return &HTTPError{
		Status: http.StatusMisdirectedRequest,
		Detail: "Misdirected Request: a server without a key answers only to its own names: add the one that you call it by to ALLOWED_HOSTS, or set SESSION_API_KEY",
	}
}

// answersTo reports whether a Host header names this server: localhost, an address, HOST, one of
// ALLOWED_HOSTS, or a host with its own routes ([echo.Echo.Host]). An empty Host is allowed,
// because browsers always send one.
func (s *Server) answersTo(sent string) bool {
	if s.echo.Routers()[sent] != nil {
		return true
	}
	name := hostName(sent)
	if name == "" || isAddress(name) || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if name == hostName(s.config.Host) || slices.Contains(s.config.AllowedHosts, "*") {
		return true
	}
	return slices.ContainsFunc(s.config.AllowedHosts, func(allowed string) bool { return name == hostName(allowed) })
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// hostName returns a host in lower case, without port, brackets and final dot.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// validHost reports whether ALLOWED_HOSTS takes a name: * or ASCII letters, digits, ".", "-" and
// "_".
func validHost(host string) bool {
	const inNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	return host == "*" || host != "" && !strings.ContainsFunc(host, func(r rune) bool { return !strings.ContainsRune(inNames, r) })
}
