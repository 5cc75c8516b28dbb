package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

// A revoked certificate is refused, and so is one of which nothing is known.
func TestRevokedCertificateIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	authority := func(name string) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		made := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		der, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
		require.NoError(t, err)
		made, err = x509.ParseCertificate(der)
		require.NoError(t, err)
		return made, key
	}
	ca, caKey := authority("ca")
	other, otherKey := authority("other")
	root := write("ca.pem", "CERTIFICATE", ca.Raw)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	server := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "db.example"}, DNSNames: []string{"db.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, server, ca, key.Public(), caKey)
	require.NoError(t, err)
	list := func(name string, by *x509.Certificate, with *ecdsa.PrivateKey, until time.Duration, serials ...int64) string {
		made := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(until)}
		for _, serial := range serials {
			made.RevokedCertificateEntries = append(made.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: time.Now()})
		}
		der, err := x509.CreateRevocationList(rand.Reader, made, by, with)
		require.NoError(t, err)
		return write(name, "X509 CRL", der)
	}
	for _, mode := range []string{"verify-ca", "verify-full"} {
		for name, test := range map[string]struct{ file, want string }{
			"none revoked":    {list("none.pem", ca, caKey, time.Hour), ""},
			"another revoked": {list("another.pem", ca, caKey, time.Hour, 8), ""},
			"revoked":         {list("revoked.pem", ca, caKey, time.Hour, 6, 7), "it is revoked"},
			"expired":         {list("expired.pem", ca, caKey, -time.Minute), "still valid"},
			"another's list":  {list("other.pem", other, otherKey, time.Hour), "still valid"},
		} {
			c := config(t, "postgresql://u@db.example/d?sslmode="+mode+"&sslrootcert="+root+"&sslcrl="+test.file)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			go func() {
				far, err := listener.Accept()
				if err != nil {
					return
				}
				end := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
				_ = end.Handshake() // the client's result counts
				_ = end.Close()
			}()
			near, err := net.Dial("tcp", listener.Addr().String())
			require.NoError(t, err)
			err = tls.Client(near, c.TLSConfig).HandshakeContext(t.Context())
			_ = near.Close()
			_ = listener.Close()
			if test.want == "" {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorContains(t, err, test.want, name)
			_, err = engine.Judge(postgres.Judge).Typed(dburl.PostgreSQL, err)
			require.ErrorIs(t, err, dberr.ErrAccessDenied, "waiting does not help")
		}
	}
	for file, want := range map[string]string{root: "holds no revocation list", root + "x": "no such file"} {
		_, err := postgres.Config(parse(t, "postgresql://u@db.example/d?sslmode=verify-full&sslrootcert="+root+"&sslcrl="+file), 10*time.Second)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, file)
	}
}
