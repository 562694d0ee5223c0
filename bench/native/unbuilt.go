//go:build !duckdb_arrow

package main

import "log"

func main() { log.Fatal("native: built without the engine: use -tags duckdb_arrow and cgo") }
