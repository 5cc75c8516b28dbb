package httpmodule

import (
	"net"
	"net/netip"

	"github.com/labstack/echo/v4"
)

// clientAddress returns the function by which Echo's c.RealIP finds the client's address. It is
// the remote address of the connection or, if that is a trusted proxy's, the address in
// X-Forwarded-For. The header of other clients is ignored, because anybody can send one.
func clientAddress(proxies []string) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, proxy := range proxies {
		if network, err := parseNetwork(proxy); err == nil { // Validate has refused invalid ones
			trust = append(trust, echo.TrustIPRange(network))
		}
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// parseNetwork parses a network such as 10.0.0.0/8, or an address as a network of one address.
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
