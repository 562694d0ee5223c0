#include "rows.h"
#include "aggregate.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// A state is the number of its group, 0 before its first row. What was met is noted
// outside, so that the engine may move a state and write it out; it may lie anywhere.
static inline uint32_t read(const void *state) {
	uint32_t n;
	memcpy(&n, state, sizeof n);
	return n;
}

static inline void write(void *state, uint32_t n) { memcpy(state, &n, sizeof n); }

static void fail(zonebox_rows *r) { __atomic_store_n(&r->failed, true, __ATOMIC_RELAXED); }

// there returns the memory that *to names, zeros at first, NULL if there is none.
static inline void *there(void **to, uint64_t count, uint64_t size) {
	void *have = __atomic_load_n(to, __ATOMIC_ACQUIRE);
	if (have != NULL) {
		return have;
	}
	void *made = calloc(count, size);
	if (made != NULL && !__atomic_compare_exchange_n(to, &have, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		free(made);
		return have;
	}
	return made;
}

// at returns where number i of a list stands, NULL if there is no memory.
static inline uint32_t *at(zonebox_rows *r, zonebox_list *l, uint32_t i) {
	uint32_t **pages = there((void **)&l->pages, ZONEBOX_PAGES, sizeof *pages);
	uint32_t *page = pages == NULL ? NULL : there((void **)&pages[i / ZONEBOX_PAGE], ZONEBOX_PAGE, sizeof *page);
	if (page == NULL) {
		fail(r);
		return NULL;
	}
	return page + i % ZONEBOX_PAGE;
}

// A batch of pairs is added to a list at once: threads then seldom meet there.
enum { BATCH = 512 };

typedef struct {
	uint32_t n, pair[BATCH][2];
} batch;

static void flush(zonebox_rows *r, zonebox_list *l, uint32_t *count, batch *b) {
	uint32_t first = __atomic_fetch_add(count, b->n, __ATOMIC_RELAXED);
	if (first > (UINT32_MAX >> 1) - BATCH * 1024) { // far enough that count does not wrap
		fail(r);
		b->n = 0;
		return;
	}
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t *to = at(r, l, 2 * (first + i));
		if (to == NULL) {
			break;
		}
		to[0] = b->pair[i][0];
		to[1] = b->pair[i][1];
	}
	b->n = 0;
}

static inline void pair(zonebox_rows *r, zonebox_list *l, uint32_t *count, batch *b, uint32_t x, uint32_t y) {
	if (b->n == BATCH) {
		flush(r, l, count, b);
	}
	b->pair[b->n][0] = x;
	b->pair[b->n][1] = y;
	b->n++;
}

static uint64_t size(void *info) {
	(void)info;
	return sizeof(uint32_t);
}

static void init(void *info, void *state) {
	(void)info;
	write(state, 0);
}

// number returns the number of a group and gives it one if it has none.
static inline uint32_t number(zonebox_rows *r, void *state) {
	uint32_t n = read(state);
	if (n == 0) {
		n = __atomic_add_fetch(&r->given, 1, __ATOMIC_RELAXED);
		if (n == UINT32_MAX) {
			fail(r);
		}
		write(state, n);
	}
	return n;
}

static void update(void *info, void *chunk, void **states) {
	zonebox_rows *r = duckdb_aggregate_function_get_extra_info(info);
	uint64_t n = duckdb_data_chunk_get_size(chunk);
	batch more;
	more.n = 0;
	for (uint32_t c = 0; c < r->columns && !r->failed; c++) {
		void *vector = duckdb_data_chunk_get_vector(chunk, c);
		const uint32_t *rows = duckdb_vector_get_data(vector);
		const uint64_t *valid = duckdb_vector_get_validity(vector);
		for (uint64_t i = 0; i < n; i++) {
			if (valid != NULL && !(valid[i >> 6] >> (i & 63) & 1)) {
				continue;
			}
			uint32_t group = number(r, states[i]), none = 0;
			uint32_t *first = at(r, &r->group[c], rows[i]);
			if (first == NULL) {
				return;
			}
			if (!__atomic_compare_exchange_n(first, &none, group, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
				pair(r, &r->more[c], &r->extra[c], &more, rows[i], group);
			}
		}
		if (more.n > 0) {
			flush(r, &r->more[c], &r->extra[c], &more);
		}
	}
}

static void combine(void *info, void **from, void **into, uint64_t count) {
	zonebox_rows *r = duckdb_aggregate_function_get_extra_info(info);
	batch same;
	same.n = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint32_t a = read(from[i]), b = read(into[i]);
		if (b == 0) {
			write(into[i], a);
		} else if (a != 0 && a != b) {
			pair(r, &r->same, &r->joined, &same, a, b);
		}
	}
	if (same.n > 0) {
		flush(r, &r->same, &r->joined, &same);
	}
}

static void finalize(void *info, void **states, void *result, uint64_t count, uint64_t offset) {
	(void)info;
	uint32_t *out = (uint32_t *)duckdb_vector_get_data(result) + offset;
	for (uint64_t i = 0; i < count; i++) {
		out[i] = read(states[i]);
	}
}

zonebox_rows *zonebox_rows_new(uint32_t columns) {
	zonebox_rows *r = calloc(1, sizeof *r);
	if (r != NULL) {
		r->columns = columns;
	}
	return r;
}

bool zonebox_rows_register(void *connection, const char *name, zonebox_rows *rows, void *uint) {
	void *f = duckdb_create_aggregate_function();
	duckdb_aggregate_function_set_name(f, name);
	for (uint32_t c = 0; c < rows->columns; c++) {
		duckdb_aggregate_function_add_parameter(f, uint);
	}
	duckdb_aggregate_function_set_return_type(f, uint);
	duckdb_aggregate_function_set_functions(f, size, init, update, combine, finalize);
	duckdb_aggregate_function_set_special_handling(f); // a null is no row
	duckdb_aggregate_function_set_extra_info(f, rows, NULL);
	bool ok = duckdb_register_aggregate_function(connection, f) == 0;
	duckdb_destroy_aggregate_function(&f);
	return ok;
}
