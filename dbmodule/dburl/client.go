package dburl

import (
	"strconv"
	"strings"
)

// ClientFlags returns the flags with which the engine's command-line programs
// (psql and pg_dump, mariadb and mariadb-dump) connect to the server of u and log
// in as its user. The flags include neither the password nor the name of the
// database: the programs ask for the password, or find it as their documentation
// says. ClientFlags returns nil for SQLite, whose programs take a path.
func (u URL) ClientFlags() []string {
	switch u.Engine() {
	case PostgreSQL:
		return u.parts.psqlFlags()
	case MySQL:
		return u.parts.mysqlFlags()
	}
	return nil
}

func (p *urlParts) psqlFlags() []string {
	var hosts, ports, flags []string
	named := false
	for _, h := range p.hosts {
		port := ""
		if h.Port != 0 {
			port = strconv.Itoa(int(h.Port))
		}
		hosts, ports = append(hosts, h.Name), append(ports, port)
		named = named || port != ""
	}
	flags = withFlag(flags, "--host", strings.Join(hosts, ","))
	if named {
		flags = append(flags, "--port="+strings.Join(ports, ","))
	}
	return withFlag(flags, "--username", p.user)
}

func (p *urlParts) mysqlFlags() []string {
	var flags []string
	if h := p.hosts[0]; strings.HasPrefix(h.Name, "/") {
		flags = append(flags, "--socket="+h.Name)
	} else {
		flags = withFlag(flags, "--host", h.Name)
		if h.Port != 0 {
			flags = append(flags, "--port="+strconv.Itoa(int(h.Port)))
		}
	}
	flags = withFlag(flags, "--user", p.user)
	tls := p.mysql.TLS
	if tls.Mode != TLSDisabled && tls.Mode != TLSPreferred {
		flags = append(flags, "--ssl")
	}
	if tls.Mode == TLSVerifyIdentity {
		flags = append(flags, "--ssl-verify-server-cert")
	}
	flags = withFlag(flags, "--ssl-ca", tls.CA)
	flags = withFlag(flags, "--ssl-cert", tls.Cert)
	return withFlag(flags, "--ssl-key", tls.Key)
}

// withFlag appends a flag that has a value, unless the value is empty.
func withFlag(flags []string, name, value string) []string {
	if value == "" {
		return flags
	}
	return append(flags, name+"="+value)
}
