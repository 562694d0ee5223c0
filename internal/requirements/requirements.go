// Package requirements holds no code. Its tests read docs/REQUIREMENTS.md: every
// row that is owed stands in its tables once, says what shows it or what is
// missing, and the tests it names ran and passed.
package requirements
