package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/credentials"
)

// Config returns the settings for go-sql-driver and one host of the URL.
// The connect timeout counts if the URL gives none. Text is utf8mb4 with the
// server's own collation, times are UTC on both sides, and the strict mode is
// added to the server's modes. Rows that match are counted, not those that
// change. Values are put into the text here, so that no prepared statement
// stays on the server. A call takes one statement. Packets are as large as the
// server takes.
//
// It reads the files that the ssl options name. The caller owns the result,
// which holds the password: it must not be printed.
func Config(u dburl.URL, connectTimeout time.Duration, host dburl.Host) (*mysql.Config, error) {
	if u.Engine() != dburl.MySQL {
		return nil, errors.New("dbmodule: configure MySQL driver: the URL is not MySQL's")
	}
	o := u.MySQL()

	name, err := credentials.Account(u)
	if err != nil {
		return nil, fmt.Errorf("dbmodule: configure MySQL driver: %w", err)
	}
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = name, u.Password().Reveal(), u.Database()
	if host.Name == "" {
		host.Name = "localhost"
	}
	if strings.HasPrefix(host.Name, "/") {
		c.Net, c.Addr = "unix", host.Name
	} else {
		if host.Port == 0 {
			host.Port = 3306
		}
		c.Net, c.Addr = "tcp", net.JoinHostPort(host.Name, strconv.Itoa(int(host.Port)))
	}
	c.Loc, c.ParseTime = time.UTC, true
	c.Timeout, c.ReadTimeout, c.WriteTimeout = u.ConnectTimeout(connectTimeout), o.ReadTimeout, o.WriteTimeout
	c.MaxAllowedPacket = o.MaxAllowedPacket
	c.AllowCleartextPasswords = o.ClearPassword
	c.ClientFoundRows = true
	c.InterpolateParams = true
	c.MultiStatements = false
	c.ConnectionAttributes = "program_name:" + o.ProgramName
	c.Params = o.Variables
	if o.InitCommand != nil {
		maps.Copy(c.Params, o.InitCommand())
	}
	// Every error is returned too; the default logger writes to stderr.
	c.Logger = &mysql.NopLogger{}
	if err := c.Apply(mysql.Charset("utf8mb4", o.Collation), mysql.EnableCompression(o.Compress)); err != nil {
		return nil, errors.New("dbmodule: configure MySQL driver: the driver refused the settings")
	}
	if o.TLS.Mode != dburl.TLSDisabled {
		serverName := host.Name
		if c.Net == "unix" {
			serverName = "localhost"
		}
		config, err := tlsConfig(o.TLS, serverName)
		if err != nil {
			return nil, fmt.Errorf("dbmodule: configure MySQL driver: %w", err)
		}
		c.TLS = config
		c.AllowFallbackToPlaintext = o.TLS.Mode == dburl.TLSPreferred
	}
	return c, nil
}

func tlsConfig(t dburl.MySQLTLS, host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read ssl_ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("read ssl_ca: the file holds no PEM certificate")
		}
	}
	if t.Cert != "" {
		certificate, err := clientCertificate(t)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{certificate}
	}
	switch t.Mode {
	case dburl.TLSPreferred, dburl.TLSRequired:
		c.InsecureSkipVerify = true
	case dburl.TLSVerifyCA:
		// The chain without the host's name: what Go verifies by itself is
		// both or nothing.
		c.InsecureSkipVerify = true
		roots := c.RootCAs
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the server sent no certificate")
			}
			options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, certificate := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(certificate)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		}
	}
	return c, nil
}

func clientCertificate(t dburl.MySQLTLS) (tls.Certificate, error) {
	var none tls.Certificate
	certificate, err := os.ReadFile(t.Cert)
	if err != nil {
		return none, fmt.Errorf("read ssl_cert: %w", err)
	}
	key, err := os.ReadFile(t.Key)
	if err != nil {
		return none, fmt.Errorf("read ssl_key: %w", err)
	}
	if block, _ := pem.Decode(key); block != nil && x509.IsEncryptedPEMBlock(block) { //nolint:staticcheck // the format that ssl_key_password is for
		plain, err := x509.DecryptPEMBlock(block, []byte(t.KeyPassword.Reveal())) //nolint:staticcheck // as above
		if err != nil {
			return none, errors.New("read ssl_key: ssl_key_password does not decrypt it")
		}
		key = pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: plain})
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return none, fmt.Errorf("read ssl_cert and ssl_key: %w", err)
	}
	return pair, nil
}
