// Command native is the other side of BenchmarkRows: the engine alone, without a
// gate, a worker or a rule, over tables of its own in its own memory, filled with
// the same rows in the same order.
//
// It reads requests from its standard input and writes one answer each, both
// JSON. It is for measuring alone; nothing of the product starts it.
package main
