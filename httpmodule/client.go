package httpmodule

import (
	"net"
	"net/netip"

	"github.com/labstack/echo/v4"
)

// clientAddress is how Echo's c.RealIP finds who asks: the other end of the connection,
// or what trusted proxies say of it in X-Forwarded-For. Anybody can send such a header.
func clientAddress(proxies []string) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, proxy := range proxies {
		if network, err := parseNetwork(proxy); err == nil { // Validate has refused the others
			trust = append(trust, echo.TrustIPRange(network))
		}
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// parseNetwork reads a network, or an address as a network of one.
func parseNetwork(text string) (*net.IPNet, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		address, addressErr := netip.ParseAddr(text)
		if addressErr != nil {
			return nil, err
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	prefix = prefix.Masked()
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}, nil
}
