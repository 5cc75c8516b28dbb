package httpmodule

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// refuseHost answers 421 to a request that names another host than this server's. It
// concerns servers without a key. The attack is called DNS rebinding: a web page of
// evil.example has its own name resolve to this machine, and the browser then takes the
// server for a part of that page, which may read and write. Names are what it takes:
// addresses can't be rebound.
func (s *Server) refuseHost(r *http.Request) error {
	if s.gate != nil || s.answersTo(r.Host) {
		return nil
	}
	return &HTTPError{
		Status: http.StatusMisdirectedRequest,
		Detail: "Misdirected Request: a server without a key answers only to its own names: add the one that you call it by to ALLOWED_HOSTS, or set SESSION_API_KEY",
	}
}

// answersTo tells the names of this server: of the loopback interface, HOST,
// ALLOWED_HOSTS and hosts that have routes of their own. A client that names none is no
// browser.
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

// hostName is a host without its port, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// validHost tells what ALLOWED_HOSTS takes: names as clients send them, in ASCII.
func validHost(host string) bool {
	const inNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	return host == "*" || host != "" && !strings.ContainsFunc(host, func(r rune) bool { return !strings.ContainsRune(inNames, r) })
}
