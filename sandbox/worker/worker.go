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

// Main runs the stage named on the command line and returns the exit code. The
// gate starts "confine", which gives up what it can and executes the same
// binary as "serve": what is given up before an execve holds for every thread
// the new image starts.
func Main(cfg Config) int {
	if cfg.TreeHash == nil {
		panic("worker: Config.TreeHash is nil")
	}
	if len(os.Args) != 3 {
		return usage()
	}
	var opt wire.Options
	if err := json.Unmarshal([]byte(os.Args[2]), &opt); err != nil {
		return usage()
	}
	switch os.Args[1] {
	case "confine":
		return refuse(confine(opt))
	case "serve":
		return serveStage(cfg, opt)
	}
	return usage()
}

func usage() int {
	fmt.Fprintln(os.Stderr, "zonebox-worker is started by zonebox; it is no command of its own")
	return exitUsage
}

func serveStage(cfg Config, opt wire.Options) int {
	// A worker is short-lived: fewer collections are worth more than a small heap.
	debug.SetGCPercent(400)
	e, err := openEngine(opt)
	if err != nil {
		return refuse(err)
	}
	hello, err := harden(opt)
	if err != nil {
		return refuse(err)
	}
	hello.Engine = e.version
	s := &server{cfg: cfg, engine: e, in: &socket{}}
	if err := s.in.send(wire.AppendJSON(nil, wire.Hello, hello)); err != nil {
		return exitService
	}
	return s.serve()
}

// refuse tells the gate that this host cannot confine the worker. The error
// names a layer, nothing else.
func refuse(err error) int {
	if err == nil {
		return 0
	}
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
