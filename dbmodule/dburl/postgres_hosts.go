package dburl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readPorts reads the option port.
func (r *postgresReader) readPorts(value string) error {
	for item := range strings.SplitSeq(value, ",") {
		port, err := parsePort(item, "port option")
		if err != nil {
			return errors.New("takes a number from 1 to 65535, or one for each host, separated by commas")
		}
		r.ports = append(r.ports, port)
	}
	return nil
}

// placeHosts lets hosts, ports and addresses of the query replace those of the URL.
func (r *postgresReader) placeHosts() error {
	if r.namedHosts != nil {
		// The authority's port also applies to a single host that the query names.
		if len(r.namedHosts) == 1 && r.namedHosts[0].Port == 0 && len(r.hosts) == 1 && r.ports == nil {
			r.namedHosts[0].Port = r.hosts[0].Port
		}
		r.hosts = r.namedHosts
	}
	hosts := r.hosts
	if r.ports != nil {
		if slices.ContainsFunc(r.namedHosts, func(h Host) bool { return h.Port != 0 }) {
			return errors.New("option \"port\" and a port in option \"host\" contradict each other: keep one")
		}
		if len(r.ports) > 1 && len(r.ports) != len(hosts) {
			return fmt.Errorf("option \"port\" has %d ports for %d hosts: give one, or one for each host", len(r.ports), len(hosts))
		}
		for i := range hosts {
			hosts[i].Port = r.ports[min(i, len(r.ports)-1)]
		}
	}
	addresses := r.o.HostAddrs
	if addresses == nil {
		return nil
	}
	if len(addresses) != len(hosts) {
		return fmt.Errorf("option \"hostaddr\" has %d addresses for %d hosts: give one for each host", len(addresses), len(hosts))
	}
	for i := range hosts {
		if hosts[i].Name == "" {
			hosts[i].Name = addresses[i]
		}
	}
	return nil
}

// parsePostgresHosts reads the host option: names, name:port items, or unix
// socket directories, separated by commas. asyncpg also takes the path of the
// socket itself.
func parsePostgresHosts(value string) ([]Host, error) {
	var hosts []Host
	for item := range strings.SplitSeq(value, ",") {
		if !strings.HasPrefix(item, "/") {
			h, err := parseHost(item, "host option", false)
			if err != nil {
				return nil, errors.New("takes a host, host:port, [IPv6]:port or the directory of a unix socket; several are separated by commas")
			}
			hosts = append(hosts, h)
			continue
		}
		h := Host{Name: item}
		if dir, port, found := strings.Cut(item, "/.s.PGSQL."); found {
			n, err := parsePort(port, "socket")
			if err != nil {
				return nil, errors.New("takes a socket's directory, or a path that ends in /.s.PGSQL.<port>")
			}
			h = Host{Name: dir, Port: n}
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}
