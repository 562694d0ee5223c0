// Package bench measures the product as a whole: what one governed question
// costs beyond the engine's own work. Kernels, stores and logs have their
// benchmarks beside their code; make bench runs them all.
//
// It guarantees nothing but that both sides of a comparison run in one process,
// interleaved. Read BenchmarkAnswer first.
package bench
