#ifndef ZONEBOX_AGGREGATE_H
#define ZONEBOX_AGGREGATE_H

#include <stdint.h>

// The part of the engine's C API that aggregates of the worker's own need (duckdb.h); its handles
// are opaque pointers.
extern void *duckdb_create_aggregate_function(void);
extern void duckdb_destroy_aggregate_function(void **function);
extern void duckdb_aggregate_function_set_name(void *function, const char *name);
extern void duckdb_aggregate_function_add_parameter(void *function, void *type);
extern void duckdb_aggregate_function_set_return_type(void *function, void *type);
extern void duckdb_aggregate_function_set_functions(void *function, uint64_t (*size)(void *info),
	void (*init)(void *info, void *state), void (*update)(void *info, void *chunk, void **states),
	void (*combine)(void *info, void **from, void **into, uint64_t count),
	void (*finalize)(void *info, void **states, void *result, uint64_t count, uint64_t offset));
extern void duckdb_aggregate_function_set_special_handling(void *function);
extern void duckdb_aggregate_function_set_extra_info(void *function, void *info, void (*destroy)(void *));
extern void *duckdb_aggregate_function_get_extra_info(void *info);
extern int duckdb_register_aggregate_function(void *connection, void *function);
extern uint64_t duckdb_data_chunk_get_size(void *chunk);
extern void *duckdb_data_chunk_get_vector(void *chunk, uint64_t column);
extern void *duckdb_vector_get_data(void *vector);
extern uint64_t *duckdb_vector_get_validity(void *vector);

#endif
