// Package bench measures the product as a whole: governed statements beside the
// engine alone on tables of its own (BenchmarkRows), what minimum groups cost
// beside the plain statement (BenchmarkMinimumGroup), and what an answer costs
// beyond the execution of its statement (BenchmarkAnswer). Kernels, stores and
// logs have their benchmarks beside their code; make bench runs them all.
//
// It guarantees that both sides of a comparison give equal answers, that they take
// turns on the same machine, and that every figure is a median or a percentile of
// as many samples as it prints. It does not guarantee that the machine does
// nothing else meanwhile.
//
// Read BenchmarkRows first.
package bench
