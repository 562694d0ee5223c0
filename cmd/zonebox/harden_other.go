//go:build !linux

package main

import "errors"

// harden refuses: the gate runs where its worker can be confined.
func harden() error { return errors.New("zonebox: the gate runs on Linux only") }
