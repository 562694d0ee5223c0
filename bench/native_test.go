package bench_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// native is the engine alone, in a process of its own (bench/native).
type native struct {
	tb  testing.TB
	pid int
	to  *json.Encoder
	of  *json.Decoder
}

// bareAnswer is what the process says; see answer in bench/native.
type bareAnswer struct {
	Nanoseconds int64      `json:"ns"`
	Processor   int64      `json:"cpu_ns"`
	Rows        int64      `json:"rows"`
	Types       []string   `json:"types"`
	Cells       [][]string `json:"cells"`
	Error       string     `json:"error"`
}

// startNative builds and starts the process and fills its tables. It ends with
// the test.
func startNative(tb testing.TB, rows int64) *native {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "native")
	build := exec.Command("go", "build", "-tags", "duckdb_arrow", "-o", path, "zonebox/bench/native")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		tb.Fatalf("build bench/native: %v", err)
	}
	c := exec.Command(path)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	out, outErr := c.StdoutPipe()
	if err = errors.Join(err, outErr); err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close() // it ends with its input
		if err := c.Wait(); err != nil {
			tb.Errorf("bench/native: %v", err)
		}
	})
	n := &native{tb: tb, pid: c.Process.Pid, to: json.NewEncoder(in), of: json.NewDecoder(out)}
	n.ask(map[string]any{"rows": rows, "threads": runtime.NumCPU()})
	return n
}

func (n *native) ask(request map[string]any) bareAnswer {
	n.tb.Helper()
	var a bareAnswer
	if err := n.to.Encode(request); err != nil {
		n.tb.Fatal(err)
	}
	if err := n.of.Decode(&a); err != nil {
		n.tb.Fatalf("bench/native: %v", err)
	}
	if a.Error != "" {
		n.tb.Fatal(a.Error)
	}
	return a
}

// time runs a statement and returns how long it and reading its rows took.
func (n *native) time(sql string) time.Duration {
	n.tb.Helper()
	return time.Duration(n.ask(map[string]any{"sql": sql}).Nanoseconds)
}

// rows runs a statement and returns its rows as text.
func (n *native) rows(sql string) bareAnswer {
	n.tb.Helper()
	return n.ask(map[string]any{"sql": sql, "cells": true})
}
