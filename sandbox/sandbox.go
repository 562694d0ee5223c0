// Package sandbox runs SQL and parses files of others in processes that can do
// nothing else.
//
// A [Pool] keeps workers started and confined in advance; [Pool.Start] hands out
// one as a [Session], which serves either one parse and bind, or one execution
// over attached tables, or the reading of one file, and is then killed. The gate
// never links the engine: what an operator or an agency wrote reaches C++ only
// in a worker, and a worker holds only what the session gave it.
//
// The package guarantees that a worker it hands out
//   - reports and shows every layer of isolation that Config.Require names; the
//     gate reads the kernel's own account of the worker, not only its word;
//   - dies with its context, its time limit, or the gate;
//   - is believed in nothing: frames are bounded, Arrow data is decoded within
//     its frame and validated in full, types are a short list, and text of the
//     engine is not carried at all.
//
// It does not hide how long a statement took or how large its result was, and it
// trusts the kernel. Operators' statements that never end are killed, not
// explained.
//
// BUG(sandbox): where no control group is delegated, several workers can together
// use more than the machine has: each is bounded alone. A worker whose Go runtime,
// not its engine, meets the memory limit dies with ErrKilled instead of ErrMemory.
//
// Read Session.Execute first.
package sandbox

import (
	"runtime"
	"time"
)

// DefaultWall is Config.Wall where nothing is said.
const DefaultWall = time.Minute

// DefaultMemory is Config.Memory where nothing is said.
const DefaultMemory = 2 << 30

// DefaultSpool is Config.Spool where nothing is said.
const DefaultSpool = 4 << 30

// Config says where the worker is and what it may use. Only Worker is required.
type Config struct {
	// Worker is the path of zonebox-worker.
	Worker string
	// Pool is how many idle workers wait; a start costs 40 to 100 ms. Default 1.
	Pool int
	// Memory bounds the address space a worker may add to what it has when it
	// reports ready and to the tables attached. Default 2 GiB.
	Memory int64
	// Spill bounds the memory file system into which a statement over attached
	// tables overflows when Memory is used up; it is part of no disk and goes
	// with the worker. A host that grants a worker no mounts of its own gives
	// none. Default 1 GiB; negative for none.
	Spill int64
	// Attached is how many bytes of tables a session attaches before Session.Room
	// says to announce the rest. Default: a quarter of the memory this process may
	// use; negative for none.
	Attached int64
	// Wall bounds a session from Pool.Start on. Default 60 s.
	Wall time.Duration
	// Load bounds a session from Session.Read on, in place of Wall: deliveries
	// are larger than statements. Default 1 h.
	Load time.Duration
	// Spool bounds a delivery that the worker needs as a whole, held in memory:
	// Parquet, Arrow, xlsx, zip. Default 4 GiB.
	Spool int64
	// Decoded bounds the content of a delivery, unpacked. There is no bound on
	// how well it was packed. Default 64 GiB.
	Decoded int64
	// Threads is how many threads the engine uses. Default: one per CPU.
	Threads int
	// Require is the isolation without which no worker is handed out. Default
	// [Strict]. Layers outside it are used where the host offers them.
	Require Layers

	skip   []string // layers tests leave out, and do without
	demand bool     // tests do not do without
}

func (c Config) withDefaults() Config {
	c.Pool = max(c.Pool, 1)
	if c.Memory <= 0 {
		c.Memory = DefaultMemory
	}
	if c.Spill == 0 {
		c.Spill = 1 << 30
	}
	c.Spill = max(c.Spill, 0)
	if c.Attached == 0 {
		c.Attached = HostMemory() / 4
	}
	if c.Wall <= 0 {
		c.Wall = DefaultWall
	}
	if c.Load <= 0 {
		c.Load = time.Hour
	}
	if c.Spool <= 0 {
		c.Spool = DefaultSpool
	}
	if c.Decoded <= 0 {
		c.Decoded = 64 << 30
	}
	if c.Threads <= 0 {
		c.Threads = runtime.NumCPU()
	}
	if c.Require == 0 {
		c.Require = Strict
	}
	return c
}
