// Verifies a client's certificate as a gateway written in Go does: judge ROOTS CHAIN.
//
// ROOTS and CHAIN are PEM files, the first certificate of CHAIN the device's. Prints `ok`, or why
// not, and ends with 1 then. A third argument is the time, in seconds since 1970.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strconv"
	"time"
)

func certificates(path string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s holds a %s", path, block.Type)
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return all, nil
}

func judge(arguments []string) error {
	roots, err := certificates(arguments[0])
	if err != nil {
		return err
	}
	chain, err := certificates(arguments[1])
	if err != nil {
		return err
	}
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(arguments) > 2 {
		seconds, err := strconv.ParseInt(arguments[2], 10, 64)
		if err != nil {
			return err
		}
		options.CurrentTime = time.Unix(seconds, 0)
	}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	for _, above := range chain[1:] {
		options.Intermediates.AddCert(above)
	}
	_, err = chain[0].Verify(options)
	return err
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: judge ROOTS CHAIN [SECONDS]")
		os.Exit(2)
	}
	if err := judge(os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ok")
}
