// What groups rest on: an aggregate that notes of each row in which group it is.

#ifndef ZONEBOX_ROWS_H
#define ZONEBOX_ROWS_H

#include <stdbool.h>
#include <stdint.h>

// ZONEBOX_PAGE is how many numbers a page holds, ZONEBOX_COLUMNS how many columns
// of rows an aggregate takes at most.
enum { ZONEBOX_PAGE = 1 << 16, ZONEBOX_PAGES = 1 << 16, ZONEBOX_COLUMNS = 32 };

// A list is an array of up to 2^32 numbers, by pages that are there, as is the list of
// them, once one of their numbers was asked for.
typedef struct {
	uint32_t **pages;
} zonebox_list;

// zonebox_rows is what the calls of one aggregate have noted. Groups have numbers
// from 1 to given; a group that several states were kept of has several, which
// same tells.
typedef struct {
	uint32_t columns;
	uint32_t given;
	bool failed; // the memory did not suffice: nothing here is whole
	zonebox_list group[ZONEBOX_COLUMNS]; // by row: the first group it was met in, 0 for none
	zonebox_list more[ZONEBOX_COLUMNS];  // pairs of a row and the group it was met in once more
	uint32_t extra[ZONEBOX_COLUMNS];     // how many pairs
	zonebox_list same;                   // pairs of numbers of one group
	uint32_t joined;                     // how many pairs
} zonebox_rows;

// zonebox_rows_new returns an empty one, NULL if there is no memory.
zonebox_rows *zonebox_rows_new(uint32_t columns);

// zonebox_rows_register makes the aggregate name(row, …) -> the number of the
// group, with as many arguments as rows has columns, known to a connection of the
// engine. An argument is null where there is no row. uint is the engine's type
// UINTEGER. It reports false if the engine refuses, as it does a name that is
// taken.
bool zonebox_rows_register(void *connection, const char *name, zonebox_rows *rows, void *uint);

#endif
