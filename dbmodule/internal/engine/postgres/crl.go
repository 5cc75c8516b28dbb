package postgres

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// readCRLs reads the certificate revocation lists of a PEM file.
func readCRLs(path string) ([]*x509.RevocationList, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read sslcrl: %w", err)
	}
	var lists []*x509.RevocationList
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read sslcrl %s: %w", path, err)
		}
		lists = append(lists, list)
	}
	if lists == nil {
		return nil, fmt.Errorf("read sslcrl %s: the file holds no revocation list in PEM", path)
	}
	return lists, nil
}

// refuseRevoked has connections with these settings fail if a certificate of the
// server's chain is revoked. As with libpq, each authority of the chain needs a
// list that has not expired.
func refuseRevoked(config *tls.Config, lists []*x509.RevocationList) {
	config.VerifyConnection = func(state tls.ConnectionState) error {
		chains := state.VerifiedChains
		if len(chains) == 0 { // with sslmode=verify-ca the driver verifies by itself
			if len(state.PeerCertificates) == 0 {
				return errors.New("the server sent no certificate")
			}
			options := x509.VerifyOptions{Roots: config.RootCAs, Intermediates: x509.NewCertPool()}
			for _, certificate := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(certificate)
			}
			var err error
			if chains, err = state.PeerCertificates[0].Verify(options); err != nil {
				return err
			}
		}
		var errs []error
		for _, chain := range chains {
			err := revoked(chain, lists)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
}

// revoked returns why a chain, which ends with its root, can't be trusted.
func revoked(chain []*x509.Certificate, lists []*x509.RevocationList) error {
	for i, certificate := range chain[:len(chain)-1] {
		issuer, known := chain[i+1], false
		for _, list := range lists {
			if !bytes.Equal(list.RawIssuer, issuer.RawSubject) || list.CheckSignatureFrom(issuer) != nil {
				continue
			}
			for _, entry := range list.RevokedCertificateEntries {
				if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
					return refusedCertificate(certificate, "it is revoked")
				}
			}
			known = known || time.Now().Before(list.NextUpdate)
		}
		if !known {
			return refusedCertificate(certificate, "sslcrl has no list of its issuer that is still valid")
		}
	}
	return nil
}

func refusedCertificate(certificate *x509.Certificate, why string) error {
	return &tls.CertificateVerificationError{
		UnverifiedCertificates: []*x509.Certificate{certificate},
		Err:                    fmt.Errorf("certificate of %q: %s", certificate.Subject.CommonName, why),
	}
}
