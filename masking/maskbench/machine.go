package maskbench

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"zonebox/masking/lanes"
)

// Machine is what figures depend on besides the code.
type Machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	AES     string `json:"aes"` // what computes AES: see lanes.AESPath
	System  string `json:"system"`
	Go      string `json:"go"`
	Version string `json:"version"`        // of this program
	Load    string `json:"load,omitempty"` // 1, 5 and 15 minutes, when the measurement began
}

// Like reports whether times of one machine say anything about the other's: the
// processor, how many of it, what computes AES, and the system are the same.
func (m Machine) Like(o Machine) bool {
	return m.CPU == o.CPU && m.Cores == o.Cores && m.AES == o.AES && m.System == o.System
}

func thisMachine() Machine {
	m := Machine{CPU: cpuModel(), Cores: runtime.GOMAXPROCS(0), AES: lanes.AESPath(),
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Version: "(devel)"}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		m.Version = info.Main.Version
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	return m
}

// cpuModel is the processor's name where the system tells it in a file.
func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
