package worker

/*
#include <stdlib.h>
#include "kset.h"
*/
import "C"

import (
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// count makes the counters of minimum groups ks known to statements, each under
// wire.Counter(k). A statement that names another does not bind. Counters of
// earlier messages stay. None is called with ORDER BY inside: the engine's
// wrapper for that crashes with aggregates of the C API, and only the gate's own
// prints name a counter.
func (e *engine) count(ks []int) error {
	if !wire.ValidGroups(ks) {
		return errDead // no gate asks for that
	}
	uint := duckdb.CreateLogicalType(duckdb.TypeUInteger)
	defer duckdb.DestroyLogicalType(&uint)
	for _, k := range ks {
		if e.counters[k] {
			continue
		}
		name := C.CString(wire.Counter(k))
		ok := C.zonebox_kset(e.conn.Ptr, name, C.uint32_t(k), uint.Ptr)
		C.free(unsafe.Pointer(name))
		if !ok {
			return faulted("engine")
		}
		e.counters[k] = true
	}
	return nil
}
