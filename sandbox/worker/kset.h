// The minimum group's counter: an aggregate that counts distinct codes up to k.

#ifndef ZONEBOX_KSET_H
#define ZONEBOX_KSET_H

#include <stdbool.h>
#include <stdint.h>

// zonebox_kset makes the aggregate name(code) -> the lesser of k and the number
// of distinct codes that are not null known to a connection of the engine. uint
// is the engine's type UINTEGER; k is at least 1. It reports false if the engine
// refuses, as it does a name that is taken.
bool zonebox_kset(void *connection, const char *name, uint32_t k, void *uint);

#endif
