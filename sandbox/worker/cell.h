// What cell_linux.c did before the program began.
#ifndef ZONEBOX_CELL_H
#define ZONEBOX_CELL_H

struct zonebox_cell {
	int landlock; // ABI in force on the process, 0 if none
	int root;     // 1: the process has a root directory of its own
	int proc;     // descriptor of its own directory of /proc, -1 if none
	char spill[32]; // directory of its own size-limited memory, or empty
};

extern struct zonebox_cell zonebox_cell;

#endif
