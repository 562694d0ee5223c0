#include "kset.h"
#include "aggregate.h"

#include <stddef.h>
#include <string.h>

// A state is a set in numbers of four bytes: how many codes it has met, at most k,
// and the first k-1 of them. The k-th is counted and not kept: nothing is asked
// of a full set. It holds no pointer, so that the engine may move it and write it
// out, and it is read and written byte by byte, so that it may lie anywhere.
enum { WIDTH = 4, AHEAD = 16 };

static inline uint32_t number(const uint8_t *set, uint32_t i) {
	uint32_t n;
	memcpy(&n, set + WIDTH * (uint64_t)i, WIDTH);
	return n;
}

static inline void put(uint8_t *set, uint32_t i, uint32_t n) { memcpy(set + WIDTH * (uint64_t)i, &n, WIDTH); }

// add puts a code into a set that is not full.
static inline void add(uint8_t *set, uint32_t k, uint32_t code) {
	uint32_t n = number(set, 0);
	for (uint32_t i = 1; i <= n; i++) {
		if (number(set, i) == code) {
			return;
		}
	}
	n++;
	if (n < k) {
		put(set, n, code);
	}
	put(set, 0, n);
}

static uint32_t limit(void *info) { return (uint32_t)(uintptr_t)duckdb_aggregate_function_get_extra_info(info); }

static uint64_t size(void *info) { return WIDTH * (uint64_t)limit(info); }

static void init(void *info, void *state) { put(state, 0, 0); }

// update adds a row's code to the state of its group. Groups beyond the cache are
// what it costs, so their states are asked for some rows ahead.
static void update(void *info, void *chunk, void **states) {
	uint32_t k = limit(info);
	uint64_t n = duckdb_data_chunk_get_size(chunk);
	void *vector = duckdb_data_chunk_get_vector(chunk, 0);
	const uint32_t *codes = duckdb_vector_get_data(vector);
	const uint64_t *valid = duckdb_vector_get_validity(vector);
	for (uint64_t i = 0; i < n; i++) {
		if (i + AHEAD < n) {
			__builtin_prefetch(states[i + AHEAD], 1);
		}
		if (number(states[i], 0) < k && (valid == NULL || valid[i >> 6] >> (i & 63) & 1)) {
			add(states[i], k, codes[i]);
		}
	}
}

// combine adds the codes of each set to another, which may be the same.
static void combine(void *info, void **from, void **into, uint64_t count) {
	uint32_t k = limit(info);
	for (uint64_t i = 0; i < count; i++) {
		uint32_t n = number(from[i], 0);
		if (n >= k) {
			put(into[i], 0, k);
		}
		for (uint32_t j = 1; j <= n && number(into[i], 0) < k; j++) {
			add(into[i], k, number(from[i], j));
		}
	}
}

static void finalize(void *info, void **states, void *result, uint64_t count, uint64_t offset) {
	uint32_t *out = (uint32_t *)duckdb_vector_get_data(result) + offset;
	for (uint64_t i = 0; i < count; i++) {
		out[i] = number(states[i], 0);
	}
}

bool zonebox_kset(void *connection, const char *name, uint32_t k, void *uint) {
	void *f = duckdb_create_aggregate_function();
	duckdb_aggregate_function_set_name(f, name);
	duckdb_aggregate_function_add_parameter(f, uint);
	duckdb_aggregate_function_set_return_type(f, uint);
	duckdb_aggregate_function_set_functions(f, size, init, update, combine, finalize);
	duckdb_aggregate_function_set_special_handling(f); // nulls are skipped here
	duckdb_aggregate_function_set_extra_info(f, (void *)(uintptr_t)k, NULL);
	bool ok = duckdb_register_aggregate_function(connection, f) == 0;
	duckdb_destroy_aggregate_function(&f);
	return ok;
}
