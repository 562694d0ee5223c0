#include "scan.h"

#include <stdlib.h>
#include <string.h>

// The part of the engine's C API that the loop needs (duckdb.h); its handles are
// opaque pointers.
extern void *duckdb_function_get_init_data(void *info);
extern void *duckdb_function_get_local_init_data(void *info);
extern void duckdb_function_set_error(void *info, const char *error);
extern void duckdb_init_set_init_data(void *info, void *data, void (*destroy)(void *));
extern void duckdb_init_set_error(void *info, const char *error);
extern void *duckdb_data_chunk_get_vector(void *chunk, uint64_t column);
extern void duckdb_data_chunk_set_size(void *chunk, uint64_t size);
extern void *duckdb_vector_get_data(void *vector);
extern uint64_t *duckdb_vector_get_validity(void *vector);
extern void duckdb_vector_ensure_validity_writable(void *vector);
extern void *duckdb_list_vector_get_child(void *vector);
extern int duckdb_list_vector_set_size(void *vector, uint64_t size);
extern int duckdb_list_vector_reserve(void *vector, uint64_t capacity);
extern void *duckdb_struct_vector_get_child(void *vector, uint64_t index);
extern void *duckdb_array_vector_get_child(void *vector);
extern void duckdb_unsafe_vector_assign_string_element_len(void *vector, uint64_t index, const char *text, uint64_t length);

struct ArrowArray;
extern void duckdb_vector_reference_vector(void *to, void *from);
extern void *duckdb_data_chunk_from_arrow(void *connection, struct ArrowArray *array, void *schema, void **chunk);
extern void duckdb_destroy_data_chunk(void **chunk);
extern void duckdb_destroy_error_data(void **error);

// The Arrow C data interface, which is fixed
// (https://arrow.apache.org/docs/format/CDataInterface.html).
struct ArrowArray {
	int64_t length, null_count, offset, n_buffers, n_children;
	const void **buffers;
	struct ArrowArray **children, *dictionary;
	void (*release)(struct ArrowArray *);
	void *private_data;
};

enum { VECTOR = 2048 };

static bool fill(const zonebox_array *a, void *v, int64_t start, int64_t n);

static bool bit(const uint8_t *bits, int64_t i) { return bits[i >> 3] >> (i & 7) & 1; }

// word returns bits [i, i+n) of a bitmap, n at most 64, in the low bits.
static uint64_t word(const uint8_t *bits, int64_t i, int64_t n) {
	uint64_t w = 0;
	int64_t shift = i & 7, bytes = (shift + n + 7) >> 3;
	memcpy(&w, bits + (i >> 3), bytes < 8 ? bytes : 8);
	w >>= shift;
	if (bytes > 8) {
		w |= (uint64_t)bits[(i >> 3) + 8] << (64 - shift);
	}
	return n == 64 ? w : w & (((uint64_t)1 << n) - 1);
}

// some_null reports whether one of n values from start on is null.
static bool some_null(const uint8_t *valid, int64_t start, int64_t n) {
	if (valid == NULL) {
		return false;
	}
	uint64_t all = ~(uint64_t)0;
	for (; n >= 64; start += 64, n -= 64) {
		all &= word(valid, start, 64);
	}
	return all != ~(uint64_t)0 || (n > 0 && word(valid, start, n) != ((uint64_t)1 << n) - 1);
}

// nulls writes the validity of v, which stays without a mask if no value is null.
// It returns the mask.
static uint64_t *nulls(const uint8_t *valid, void *v, int64_t start, int64_t n) {
	if (!some_null(valid, start, n)) {
		return NULL;
	}
	duckdb_vector_ensure_validity_writable(v);
	uint64_t *mask = duckdb_vector_get_validity(v);
	for (int64_t i = 0; i < n; i += 64) {
		int64_t m = n - i < 64 ? n - i : 64;
		mask[i >> 6] = word(valid, start + i, m);
	}
	return mask;
}

// nullify makes value i of v null, and with it whatever it consists of: the
// engine takes a field of a struct without looking at the struct's own validity.
static void nullify(const zonebox_array *a, void *v, int64_t i) {
	duckdb_vector_ensure_validity_writable(v);
	duckdb_vector_get_validity(v)[i >> 6] &= ~((uint64_t)1 << (i & 63));
	if (a->kind == ZONEBOX_STRUCT) {
		for (uint64_t f = 0; f < a->count; f++) {
			nullify(a->children[f], duckdb_struct_vector_get_child(v, f), i);
		}
	} else if (a->kind == ZONEBOX_ARRAY) {
		for (int64_t j = 0; j < a->width; j++) {
			nullify(a->children[0], duckdb_array_vector_get_child(v), i * a->width + j);
		}
	}
}

// put makes s the string of length bytes at p. Twelve bytes at p can be read.
static inline void put(zonebox_string *s, const uint8_t *p, uint64_t length) {
	static const uint32_t first[14] = {0, 0xFF, 0xFFFF, 0xFFFFFF, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
	static const uint64_t then[14] = {0, 0, 0, 0, 0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF,
		0xFFFFFFFFFF, 0xFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF, ~(uint64_t)0, 0};
	uint64_t k = length < 13 ? length : 13, rest;
	uint32_t prefix;
	memcpy(&prefix, p, 4);
	memcpy(&rest, p + 4, 8);
	s->head = length | (uint64_t)(prefix & first[k]) << 32;
	s->rest = length < 13 ? rest & then[k] : (uint64_t)(uintptr_t)p;
}

// texts writes strings between offsets. One that leads out of the bytes, or back,
// ends the scan.
#define TEXTS(name, type)                                                                                              \
	static bool name(const zonebox_array *a, zonebox_string *out, int64_t start, int64_t n) {                          \
		const type *offsets = (const type *)a->offsets + start;                                                        \
		const uint8_t *bytes = a->data.data;                                                                           \
		uint64_t size = a->data.size;                                                                                  \
		for (int64_t i = 0; i < n; i++) {                                                                              \
			type from = offsets[i], to = offsets[i + 1];                                                               \
			if (from > to || to > size || to - from > UINT32_MAX) {                                                    \
				return false;                                                                                          \
			}                                                                                                          \
			put(&out[i], bytes + from, to - from);                                                                     \
		}                                                                                                              \
		return true;                                                                                                   \
	}
TEXTS(texts32, uint32_t)
TEXTS(texts64, uint64_t)

static bool views(const zonebox_array *a, const uint64_t *mask, zonebox_string *out, int64_t start, int64_t n) {
	for (int64_t i = 0; i < n; i++) {
		const uint8_t *p = a->data.data + 16 * (start + i);
		uint32_t view[4];
		memcpy(view, p, sizeof view);
		if (mask != NULL && !(mask[i >> 6] >> (i & 63) & 1)) {
			memset(&out[i], 0, sizeof out[i]); // what stands behind a null is not specified
		} else if (view[0] <= 12) {
			put(&out[i], p + 4, view[0]);
		} else if (view[2] >= a->count || (uint64_t)view[0] + view[3] > a->buffers[view[2]].size) {
			return false;
		} else {
			put(&out[i], a->buffers[view[2]].data + view[3], view[0]);
		}
	}
	return true;
}

// codes looks indices up among the words. A negative index is a large one.
#define CODES(name, type)                                                                                              \
	static bool name(const zonebox_array *a, const uint64_t *mask, zonebox_string *out, int64_t start, int64_t n) {    \
		const type *codes = (const type *)a->data.data + start;                                                        \
		if (mask == NULL) {                                                                                            \
			for (int64_t i = 0; i < n; i++) {                                                                          \
				if (codes[i] >= a->count) {                                                                            \
					return false;                                                                                      \
				}                                                                                                      \
				out[i] = a->words[codes[i]];                                                                           \
			}                                                                                                          \
			return true;                                                                                               \
		}                                                                                                              \
		for (int64_t i = 0; i < n; i++) {                                                                              \
			if (!(mask[i >> 6] >> (i & 63) & 1)) {                                                                     \
				memset(&out[i], 0, sizeof out[i]);                                                                     \
			} else if (codes[i] >= a->count) {                                                                         \
				return false;                                                                                          \
			} else {                                                                                                   \
				out[i] = a->words[codes[i]];                                                                           \
			}                                                                                                          \
		}                                                                                                              \
		return true;                                                                                                   \
	}
CODES(codes8, uint8_t)
CODES(codes16, uint16_t)
CODES(codes32, uint32_t)
CODES(codes64, uint64_t)

static uint64_t code(const zonebox_array *a, int64_t i) {
	switch (a->from) {
	case 1:
		return ((const uint8_t *)a->data.data)[i];
	case 2:
		return ((const uint16_t *)a->data.data)[i];
	case 4:
		return ((const uint32_t *)a->data.data)[i];
	}
	return ((const uint64_t *)a->data.data)[i];
}

// dictionary writes strings and makes those null whose word is.
static bool dictionary(const zonebox_array *a, void *v, uint64_t *mask, zonebox_string *out, int64_t start, int64_t n) {
	bool ok = a->from == 1   ? codes8(a, mask, out, start, n)
	          : a->from == 2 ? codes16(a, mask, out, start, n)
	          : a->from == 4 ? codes32(a, mask, out, start, n)
	                         : codes64(a, mask, out, start, n);
	if (ok && a->words_valid != NULL) {
		for (int64_t i = 0; i < n; i++) {
			if ((a->valid == NULL || bit(a->valid, start + i)) && !bit(a->words_valid, (int64_t)code(a, start + i))) {
				nullify(a, v, i);
			}
		}
	}
	return ok;
}

static bool strings(const zonebox_array *a, void *v, uint64_t *mask, zonebox_string *out, int64_t start, int64_t n) {
	switch (a->kind) {
	case ZONEBOX_TEXT32:
		return texts32(a, out, start, n);
	case ZONEBOX_TEXT64:
		return texts64(a, out, start, n);
	case ZONEBOX_VIEW:
		return views(a, mask, out, start, n);
	}
	return dictionary(a, v, mask, out, start, n);
}

static void bits(const uint8_t *from, uint8_t *out, int64_t start, int64_t n) {
	int64_t i = 0;
	if ((start & 7) == 0) {
		for (; i + 8 <= n; i += 8) {
			// Byte k of the product keeps bit k only; the sum carries it to the top.
			uint64_t eight = from[(start + i) >> 3] * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
			eight = (eight + UINT64_C(0x7F7F7F7F7F7F7F7F)) >> 7 & UINT64_C(0x0101010101010101);
			memcpy(out + i, &eight, 8);
		}
	}
	for (; i < n; i++) {
		out[i] = bit(from, start + i);
	}
}

// narrow takes the low bytes of two's complement numbers.
#define NARROW(from, stride, to)                                                                                       \
	for (int64_t i = 0; i < n; i++) {                                                                                  \
		((to *)out)[i] = (to)((const from *)values)[stride * i];                                                       \
	}

static void narrow(const zonebox_array *a, void *out, int64_t start, int64_t n) {
	const void *values = a->data.data + start * a->from;
	switch (a->from << 8 | a->width) {
	case 16 << 8 | 8:
		NARROW(int64_t, 2, int64_t) break;
	case 16 << 8 | 4:
		NARROW(int64_t, 2, int32_t) break;
	case 16 << 8 | 2:
		NARROW(int64_t, 2, int16_t) break;
	case 8 << 8 | 4:
		NARROW(int64_t, 1, int32_t) break;
	case 8 << 8 | 2:
		NARROW(int64_t, 1, int16_t) break;
	case 4 << 8 | 2:
		NARROW(int32_t, 1, int16_t) break;
	}
}

// widen extends integers by their sign, or by zeros. The loops are a few
// registers at a time, which needs -O3 and neither buffer within the other.
#define WIDEN(from, to)                                                                                                \
	{                                                                                                                  \
		const from *restrict in = values;                                                                              \
		to *restrict wide = out;                                                                                       \
		for (int64_t i = 0; i < n; i++) {                                                                              \
			wide[i] = in[i];                                                                                           \
		}                                                                                                              \
		break;                                                                                                         \
	}

#define WIDENINGS(name, u)                                                                                             \
	static void name(const zonebox_array *a, void *out, int64_t start, int64_t n) {                                    \
		const void *values = a->data.data + start * a->from;                                                           \
		switch (a->from << 8 | a->width) {                                                                             \
		case 1 << 8 | 2:                                                                                               \
			WIDEN(u##int8_t, u##int16_t)                                                                               \
		case 1 << 8 | 4:                                                                                               \
			WIDEN(u##int8_t, u##int32_t)                                                                               \
		case 1 << 8 | 8:                                                                                               \
			WIDEN(u##int8_t, u##int64_t)                                                                               \
		case 2 << 8 | 4:                                                                                               \
			WIDEN(u##int16_t, u##int32_t)                                                                              \
		case 2 << 8 | 8:                                                                                               \
			WIDEN(u##int16_t, u##int64_t)                                                                              \
		case 4 << 8 | 8:                                                                                               \
			WIDEN(u##int32_t, u##int64_t)                                                                              \
		}                                                                                                              \
	}
WIDENINGS(widen, )
WIDENINGS(widen_unsigned, u)

static void intervals(const zonebox_array *a, uint8_t *out, int64_t start, int64_t n) {
	for (int64_t i = 0; i < n; i++) {
		const uint8_t *p = a->data.data + 16 * (start + i);
		int64_t time;
		memcpy(&time, p + 8, 8);
		time /= 1000;
		memcpy(out + 16 * i, p, 8);
		memcpy(out + 16 * i + 8, &time, 8);
	}
}

static void uuids(const zonebox_array *a, uint64_t *out, int64_t start, int64_t n) {
	for (int64_t i = 0; i < n; i++) {
		uint64_t half[2];
		memcpy(half, a->data.data + 16 * (start + i), 16);
		out[2 * i] = __builtin_bswap64(half[1]);
		out[2 * i + 1] = __builtin_bswap64(half[0]) ^ (uint64_t)1 << 63;
	}
}

static bool lists(const zonebox_array *a, void *v, const uint64_t *mask, uint64_t *out, int64_t start, int64_t n) {
	bool wide = a->kind == ZONEBOX_LIST64;
	uint64_t first = 0, last = 0;
	for (int64_t i = 0; i < n; i++) {
		uint64_t from = wide ? ((const uint64_t *)a->offsets)[start + i] : ((const uint32_t *)a->offsets)[start + i];
		uint64_t to = wide ? ((const uint64_t *)a->offsets)[start + i + 1] : ((const uint32_t *)a->offsets)[start + i + 1];
		if (i == 0) {
			first = from;
		}
		if (from > to || to > (uint64_t)a->children[0]->length) {
			return false;
		}
		last = to;
		bool null = mask != NULL && !(mask[i >> 6] >> (i & 63) & 1);
		out[2 * i] = null ? 0 : from - first;
		out[2 * i + 1] = null ? 0 : to - from;
	}
	if (duckdb_list_vector_reserve(v, last - first) != 0 || duckdb_list_vector_set_size(v, last - first) != 0) {
		return false;
	}
	return fill(a->children[0], duckdb_list_vector_get_child(v), (int64_t)first, (int64_t)(last - first));
}

static bool parts(const zonebox_array *a, void *v, const uint64_t *mask, int64_t start, int64_t n) {
	int64_t each = a->kind == ZONEBOX_ARRAY ? a->width : 1;
	for (uint64_t f = 0; f < a->count; f++) {
		void *child = a->kind == ZONEBOX_ARRAY ? duckdb_array_vector_get_child(v) : duckdb_struct_vector_get_child(v, f);
		if (!fill(a->children[f], child, start * each, n * each)) {
			return false;
		}
		for (int64_t i = 0; mask != NULL && i < n; i++) {
			for (int64_t j = 0; !(mask[i >> 6] >> (i & 63) & 1) && j < each; j++) {
				nullify(a->children[f], child, i * each + j);
			}
		}
	}
	return true;
}

// released marks an array as given back; the mapping stays.
static void released(struct ArrowArray *a) { a->release = NULL; }

// refer makes a whole vector v point at the values of a, as the engine's own
// conversion of Arrow does. Their nulls are written by the caller.
static bool refer(const zonebox_array *a, void *v, int64_t start) {
	const void *values[2] = {NULL, a->data.data + start * a->width}, *none[1] = {NULL};
	struct ArrowArray child = {.length = VECTOR, .n_buffers = 2, .buffers = values, .release = released};
	struct ArrowArray *children[1] = {&child};
	struct ArrowArray parent = {.length = VECTOR, .n_buffers = 1, .buffers = none, .n_children = 1, .children = children, .release = released};
	void *chunk = NULL, *error = duckdb_data_chunk_from_arrow(a->connection, &parent, a->schema, &chunk);
	if (error != NULL) {
		duckdb_destroy_error_data(&error);
		return false;
	}
	duckdb_vector_reference_vector(v, duckdb_data_chunk_get_vector(chunk, 0));
	duckdb_destroy_data_chunk(&chunk);
	return true;
}

// own has the engine copy the strings of v that point into a mapping, and
// forgets what stands behind nulls.
static void own(void *v, zonebox_string *out, int64_t n) {
	const uint64_t *mask = duckdb_vector_get_validity(v);
	for (int64_t i = 0; i < n; i++) {
		uint64_t length = (uint32_t)out[i].head;
		if (length <= 12) {
			continue;
		}
		if (mask == NULL || mask[i >> 6] >> (i & 63) & 1) {
			duckdb_unsafe_vector_assign_string_element_len(v, i, (const char *)(uintptr_t)out[i].rest, length);
		} else {
			memset(&out[i], 0, sizeof out[i]);
		}
	}
}

// fill writes values [start, start+n) of a into v. Strings longer than 12 bytes
// and whole vectors of numbers sealed in 8 bytes and more are shared with the
// mapping, unless that is passing. It reports false if the array leads out of its
// spans.
static bool fill(const zonebox_array *a, void *v, int64_t start, int64_t n) {
	if (n == 0) {
		return true;
	}
	if (a->schema != NULL && n == VECTOR) {
		if (!refer(a, v, start)) {
			return false;
		}
		nulls(a->valid, v, start, n);
		return true;
	}
	uint64_t *mask = nulls(a->valid, v, start, n);
	void *out = duckdb_vector_get_data(v);
	if (a->kind >= ZONEBOX_TEXT32 && a->kind <= ZONEBOX_CODES) {
		bool ok = strings(a, v, mask, out, start, n);
		if (ok && a->passing) {
			own(v, out, n);
		}
		return ok;
	}
	switch (a->kind) {
	case ZONEBOX_FIXED:
		memcpy(out, a->data.data + start * a->width, n * a->width);
		return true;
	case ZONEBOX_BITS:
		bits(a->data.data, out, start, n);
		return true;
	case ZONEBOX_NARROW:
		narrow(a, out, start, n);
		return true;
	case ZONEBOX_WIDEN:
		widen(a, out, start, n);
		return true;
	case ZONEBOX_WIDEN_UNSIGNED:
		widen_unsigned(a, out, start, n);
		return true;
	case ZONEBOX_INTERVAL:
		intervals(a, out, start, n);
		return true;
	case ZONEBOX_UUID:
		uuids(a, out, start, n);
		return true;
	case ZONEBOX_LIST32:
	case ZONEBOX_LIST64:
		return lists(a, v, mask, out, start, n);
	case ZONEBOX_ARRAY:
	case ZONEBOX_STRUCT:
		return parts(a, v, mask, start, n);
	}
	return false;
}

bool zonebox_words(const zonebox_array *values, zonebox_string *words) {
	switch (values->kind) {
	case ZONEBOX_TEXT32:
		return texts32(values, words, 0, values->length);
	case ZONEBOX_TEXT64:
		return texts64(values, words, 0, values->length);
	}
	return false;
}

// A thread's place in a scan.
typedef struct {
	zonebox_morsel morsel;
} cursor;

void zonebox_local(void *info) {
	cursor *c = calloc(1, sizeof *c);
	if (c == NULL) {
		duckdb_init_set_error(info, "std::bad_alloc");
		return;
	}
	duckdb_init_set_init_data(info, c, free);
}

void zonebox_next(void *info, void *chunk) {
	zonebox_scan *s = duckdb_function_get_init_data(info);
	cursor *c = duckdb_function_get_local_init_data(info);
	if (c->morsel.start >= c->morsel.end) {
		if (c->morsel.visit != NULL) {
			zoneboxLeave(c->morsel.visit);
			c->morsel.visit = NULL;
		}
		long long i = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
		if (i >= s->count) {
			duckdb_data_chunk_set_size(chunk, 0);
			return;
		}
		enum zonebox_entry entry = s->morsels[i].visit == NULL ? ZONEBOX_ENTERED : zoneboxEnter(s->morsels[i].visit);
		if (entry != ZONEBOX_ENTERED) {
			duckdb_function_set_error(info, entry == ZONEBOX_NO_MEMORY ? "std::bad_alloc" : "segment");
			return;
		}
		c->morsel = s->morsels[i];
	}
	int64_t left = c->morsel.end - c->morsel.start, n = left < VECTOR ? left : VECTOR;
	for (int64_t i = 0; i < s->width; i++) {
		if (s->columns[i] < 0) {
			continue;
		}
		const zonebox_array *a = c->morsel.segment->columns[s->columns[i]];
		if (!fill(a, duckdb_data_chunk_get_vector(chunk, i), c->morsel.start, n)) {
			duckdb_function_set_error(info, "segment");
			return;
		}
	}
	c->morsel.start += n;
	duckdb_data_chunk_set_size(chunk, n);
}

// A scan that ends early is still in some segments.
void zonebox_drop(void *p) {
	zonebox_scan *s = p;
	for (int64_t i = 0; i < s->segments; i++) {
		if (s->visits[i].entered) {
			s->visits[i].left = 1;
			zoneboxLeave(&s->visits[i]);
		}
	}
	free(s->visits);
	free(s->morsels);
	free(s->columns);
	free(s);
}

void zonebox_forget(zonebox_array *a) {
	if (a == NULL) {
		return;
	}
	for (uint64_t i = 0; a->children != NULL && i < a->count; i++) {
		zonebox_forget(a->children[i]);
	}
	free(a->children);
	free(a->buffers);
	free(a->words);
	free(a);
}
