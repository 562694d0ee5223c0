// Command zonebox-worker parses and runs one statement, or reads one file, in a
// process of its own. zonebox starts it; see package sandbox.
package main

import (
	"os"

	"zonebox/query/ast"
	"zonebox/sandbox/worker"
)

func main() {
	os.Exit(worker.Main(worker.Config{TreeHash: ast.HashJSON}))
}
