// Package worker is the child side of package sandbox: the only code of the
// project that touches the SQL engine, and the only code that parses files of
// others.
//
// A worker lives for one statement or one file. It confines itself before it
// reads its first request (harden_linux.go), answers the gate's requests over
// one socket (serve.go), and exits. It guarantees no confidentiality toward the
// gate: it holds what the gate gave it and nothing else. It never sends text of
// the engine, which may hold cell values: only codes, positions and types leave.
//
// Read serve first, then the file named after the request: parse.go, bind.go,
// scan.go (tables over Arrow files), emit.go (results), csv.go, parquet.go.
package worker

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"zonebox/sandbox/internal/wire"
)

// Config is what a worker binary is built with.
type Config struct {
	// TreeHash returns the hash of a parse tree that two texts share if and
	// only if they are the same statement, source positions aside. It is the
	// hash the gate approves and the worker compares with. Required.
	TreeHash func(tree []byte) ([32]byte, error)
}

// Exit codes of a worker. The gate tells causes of death apart by them.
const (
	exitUsage   = 64
	exitHarden  = 70
	exitService = 71
)

// Main serves the gate and returns the exit code. The gate starts the binary with
// three arguments: "serve", the options as JSON, and what cell_linux.c did
// before Main ran.
func Main(cfg Config) int {
	if cfg.TreeHash == nil {
		panic("worker: Config.TreeHash is nil")
	}
	var opt wire.Options
	if len(os.Args) != 4 || os.Args[1] != "serve" || json.Unmarshal([]byte(os.Args[2]), &opt) != nil {
		return usage()
	}
	return serve(cfg, opt)
}

func usage() int {
	fmt.Fprintln(os.Stderr, "zonebox-worker is started by zonebox; it is no command of its own")
	return exitUsage
}

func serve(cfg Config, opt wire.Options) int {
	// A worker is short-lived: fewer collections are worth more than a small heap.
	debug.SetGCPercent(400)
	c := confinedBy()
	e, err := openEngine(opt, c.spill)
	if err != nil {
		return refuse(err)
	}
	hello, err := harden(opt, c)
	if err != nil {
		return refuse(err)
	}
	hello.Engine = e.version
	s := &server{cfg: cfg, options: opt, cell: c, engine: e, in: &socket{}}
	e.ask, e.drop = s.want, s.dropped
	if err := s.in.send(wire.AppendJSON(nil, wire.Hello, hello)); err != nil {
		return exitService
	}
	return s.serve()
}

// refuse tells the gate that this host cannot confine the worker. The error
// names a layer, nothing else.
func refuse(err error) int {
	code := "start"
	if l, ok := err.(*layerError); ok {
		code = l.layer
	}
	_ = (&socket{}).send(wire.AppendJSON(nil, wire.Fault, wire.FaultMessage{Code: code, Offset: -1, Column: -1}))
	return exitHarden
}

// A layerError names the layer of isolation that could not be put in force.
type layerError struct {
	layer string
	err   error
}

func (e *layerError) Error() string { return "worker: " + e.layer + ": " + e.err.Error() }
func (e *layerError) Unwrap() error { return e.err }
