// The hot loop of the table scan: Arrow arrays over mapped files into the
// engine's vectors, without a call back into Go per vector.

#ifndef ZONEBOX_SCAN_H
#define ZONEBOX_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// How an array's values become the engine's.
enum zonebox_kind {
	ZONEBOX_FIXED,    // width bytes, as they are
	ZONEBOX_BITS,     // a bitmap, a byte each
	ZONEBOX_NARROW,   // integers of `from` bytes in fewer, width bytes
	ZONEBOX_WIDEN,    // integers of `from` bytes in more, width bytes
	ZONEBOX_WIDEN_UNSIGNED,
	ZONEBOX_INTERVAL, // months, days, nanoseconds; microseconds in the engine
	ZONEBOX_UUID,     // 16 bytes, big-endian; the engine's order is numeric
	ZONEBOX_TEXT32,   // offsets of 4 bytes into bytes
	ZONEBOX_TEXT64,   // offsets of 8 bytes into bytes
	ZONEBOX_VIEW,     // 16-byte views, long ones into buffers
	ZONEBOX_CODES,    // indices of `from` bytes into words
	ZONEBOX_LIST32,   // offsets of 4 bytes into child 0
	ZONEBOX_LIST64,   // offsets of 8 bytes into child 0
	ZONEBOX_ARRAY,    // width elements each, in child 0
	ZONEBOX_STRUCT,   // a child per field
};

// The engine's string: up to 12 bytes in place, longer ones behind a pointer with
// their first four bytes repeated.
typedef struct {
	uint64_t head; // length, and the first four bytes
	uint64_t rest; // bytes 4 to 11, or the pointer
} zonebox_string;

// A span of a mapping.
typedef struct {
	const uint8_t *data;
	uint64_t size;
} zonebox_span;

// An Arrow array over a mapping. Every span was checked to hold length values.
typedef struct zonebox_array {
	int32_t kind;
	int32_t from;
	int64_t width;
	int64_t length;
	const uint8_t *valid; // a bit per value; NULL if none is null
	zonebox_span data;    // values, bits, views or indices
	const uint8_t *offsets;
	zonebox_span *buffers; // of views
	uint64_t count;        // of buffers, words or children
	zonebox_string *words; // a dictionary's values
	const uint8_t *words_valid;
	struct zonebox_array **children;
	void *connection, *schema; // of the engine, to refer to values; NULL to copy them
	bool passing;              // the mapping goes before the statement does: strings are copied
} zonebox_array;

typedef struct {
	int64_t rows;
	int64_t number;          // among the announced segments of its table, -1 if it is attached
	int64_t visits;          // scans that are in it, if it was announced
	zonebox_array **columns; // NULL while nobody is in an announced one
} zonebox_segment;

// A scan's way through an announced segment.
typedef struct {
	int64_t table; // of the engine
	zonebox_segment *segment;
	int64_t left;  // morsels that are not read to their end
	bool entered;
} zonebox_visit;

// A run of rows that one thread claims.
typedef struct {
	const zonebox_segment *segment;
	int64_t start, end;
	zonebox_visit *visit; // NULL if the segment is attached
} zonebox_morsel;

// One use of a table in a plan.
typedef struct {
	atomic_llong next;
	int64_t count;
	zonebox_morsel *morsels;
	int64_t segments; // announced
	zonebox_visit *visits;
	int64_t width;
	int64_t *columns; // of the segments, -1 for one that carries no data
} zonebox_scan;

// zonebox_local makes a thread's place in a scan; zonebox_next fills a chunk.
// They are the engine's duckdb_table_function_init_t and duckdb_table_function_t.
void zonebox_local(void *info);
void zonebox_next(void *info, void *chunk);

// zonebox_words turns the strings of values into a dictionary's words. It reports
// false if an offset leads out of values.
bool zonebox_words(const zonebox_array *values, zonebox_string *words);

// zonebox_drop frees a scan.
void zonebox_drop(void *scan);

// zonebox_forget frees the description of an array.
void zonebox_forget(zonebox_array *a);

enum zonebox_entry { ZONEBOX_ENTERED, ZONEBOX_NO_SEGMENT, ZONEBOX_NO_MEMORY };

// zoneboxEnter maps the segment of a visit, unless it is, and zoneboxLeave gives
// it back when the visit's last morsel has been read (stream.go).
extern enum zonebox_entry zoneboxEnter(zonebox_visit *visit);
extern void zoneboxLeave(zonebox_visit *visit);

#endif
