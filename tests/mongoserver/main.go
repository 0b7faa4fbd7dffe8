// Command mongoserver is a MongoDB-compatible server for the tests: FerretDB on SQLite, in one folder, or on PostgreSQL.
//
// It speaks MongoDB's wire protocol over TCP, so the tests talk to it through pymongo as to any other server.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	folder := flag.String("dir", "", "existing folder for the data")
	postgresql := flag.String("postgresql", "", "address of a PostgreSQL database for the data, instead of a folder")
	flag.Parse()
	config := &ferretdb.Config{Listener: ferretdb.ListenerConfig{TCP: *listen}}
	switch {
	case *postgresql != "":
		config.Handler, config.PostgreSQLURL = "postgresql", *postgresql
	case *folder != "":
		config.Handler, config.SQLiteURL = "sqlite", "file:"+*folder+"/"
	default:
		log.Fatal("-dir or -postgresql is needed")
	}
	server, err := ferretdb.New(config)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Println(server.MongoDBURI())
	if err := server.Run(ctx); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}
