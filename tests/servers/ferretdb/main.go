// A FerretDB with its SQLite backend, for the tests of the MongoDB store: a separate process with
// files of its own, which survives being killed. Its updates read and then write without a guard,
// so no race may be shown on it.
//
//	ferretdb FOLDER ADDRESS [CERTIFICATE KEY CA]
//
// Keeps its files in FOLDER, listens on ADDRESS (port 0 takes a free one), prints the address as
// its first line, and ends when its standard input does. With the three PEM files it speaks TLS
// and demands a certificate of CA's from whoever calls.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	listen := ferretdb.ListenerConfig{}
	switch len(os.Args) {
	case 3:
		listen.TCP = os.Args[2]
	case 6:
		listen.TLS, listen.TLSCertFile, listen.TLSKeyFile, listen.TLSCAFile =
			os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	default:
		fail("usage: ferretdb FOLDER ADDRESS [CERTIFICATE KEY CA]")
	}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  listen,
		Logger:    quiet,
		Handler:   "sqlite",
		SQLiteURL: "file:" + strings.TrimSuffix(os.Args[1], "/") + "/",
	})
	if err != nil {
		fail(err)
	}
	context, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	uri, err := url.Parse(server.MongoDBURI())
	if err != nil {
		fail(err)
	}
	fmt.Println(uri.Host)
	if err := server.Run(context); err != nil && context.Err() == nil {
		fail(err)
	}
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
