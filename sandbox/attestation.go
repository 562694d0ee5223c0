package sandbox

import "strconv"

// Layers is a set of isolation layers.
type Layers uint

const (
	// LayerNoNewPrivs: the worker can gain no privilege by executing a file.
	LayerNoNewPrivs Layers = 1 << iota
	// LayerSeccomp: every thread is under the system call filter.
	LayerSeccomp
	// LayerLandlock: the worker opens no file and no TCP port.
	LayerLandlock
	// LayerLimits: CPU, file size, descriptors and core size are limited.
	LayerLimits
	// LayerNondumpable: no other process of the user may trace the worker.
	LayerNondumpable
	// LayerNamespaces: the worker has a network, IPC and host name of its own.
	LayerNamespaces
	// LayerRoot: the worker's root directory is its own and holds nothing but
	// the empty directory it may overflow into.
	LayerRoot

	lastLayer = LayerRoot
)

// Strict is every layer that a Linux kernel since 5.13 offers without
// privileges. Namespaces are used wherever the host grants them and are not part
// of it, since many hosts forbid them to ordinary users; a root of its own takes
// namespaces.
const Strict = LayerNoNewPrivs | LayerSeccomp | LayerLandlock | LayerLimits | LayerNondumpable

var layerNames = map[Layers]string{
	LayerNoNewPrivs: "no_new_privs", LayerSeccomp: "seccomp", LayerLandlock: "landlock",
	LayerLimits: "limits", LayerNondumpable: "nondumpable", LayerNamespaces: "namespaces",
	LayerRoot: "root",
}

// names returns the names of the layers in l.
func (l Layers) names() []string {
	var out []string
	for b := LayerNoNewPrivs; b <= lastLayer; b <<= 1 {
		if l&b != 0 {
			out = append(out, layerNames[b])
		}
	}
	return out
}

// An Attestation is what is in force in one worker. Audit entries carry it.
type Attestation struct {
	Landlock   int               `json:"landlock_abi"` // 0: not in force
	Seccomp    int               `json:"seccomp_mode"` // 2: filter, on every thread
	NoNewPrivs bool              `json:"no_new_privs"` // on every thread
	Dumpable   bool              `json:"dumpable"`
	Namespaces []string          `json:"namespaces"` // those that differ from the gate's
	Root       bool              `json:"own_root"`
	Spill      int64             `json:"spill"`         // bytes it may overflow into, 0: none
	Cgroup     []string          `json:"cgroup_limits"` // controllers that bound it, beside the limits
	UID        int               `json:"uid"`
	Caps       string            `json:"caps"`   // every set but the bounding one
	Limits     map[string]string `json:"limits"` // hard limits
	Files      []string          `json:"open_files"`
	Binary     string            `json:"binary_sha256"`
	Engine     string            `json:"engine"`
}

// Layers returns the layers the attestation shows.
func (a Attestation) Layers() Layers {
	var l Layers
	if a.NoNewPrivs {
		l |= LayerNoNewPrivs
	}
	if a.Seccomp == 2 {
		l |= LayerSeccomp
	}
	if a.Landlock > 0 {
		l |= LayerLandlock
	}
	if a.Limits["Max file size"] == strconv.FormatInt(a.Spill, 10) && a.Limits["Max core file size"] == "0" &&
		a.Limits["Max cpu time"] != "unlimited" && a.Limits["Max open files"] == strconv.Itoa(maxOpenFiles) {
		l |= LayerLimits
	}
	if !a.Dumpable {
		l |= LayerNondumpable
	}
	have := map[string]bool{}
	for _, n := range a.Namespaces {
		have[n] = true
	}
	if have["net"] && have["ipc"] && have["uts"] {
		l |= LayerNamespaces
	}
	if a.Root {
		l |= LayerRoot
	}
	return l
}
