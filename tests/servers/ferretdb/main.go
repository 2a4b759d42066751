// A FerretDB with its SQLite backend, for the tests of the MongoDB store: a separate process with
// files of its own, which survives being killed. Its updates read and then write without a guard,
// so no race may be shown on it.
//
//	ferretdb FOLDER ADDRESS
//
// Keeps its files in FOLDER, listens on ADDRESS (port 0 takes a free one), prints the address as
// its first line, and ends when its standard input does.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if len(os.Args) != 3 {
		fail("usage: ferretdb FOLDER ADDRESS")
	}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: os.Args[2]},
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
	fmt.Println(strings.TrimSuffix(strings.TrimPrefix(server.MongoDBURI(), "mongodb://"), "/"))
	if err := server.Run(context); err != nil && context.Err() == nil {
		fail(err)
	}
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
