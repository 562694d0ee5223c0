// Package deps holds no code: its test reads every Go source file of the module
// and fails when a package imports what the architecture does not let it import.
// Read deps_test.go; the table there is the architecture.
package deps
