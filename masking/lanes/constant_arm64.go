//go:build !purego

package lanes

import "golang.org/x/sys/cpu"

func aesConstantTime() bool { return cpu.ARM64.HasAES }

// sm4ConstantTime: gmsm uses the SM4 instructions, or computes the S-box by
// those of AES.
func sm4ConstantTime() bool { return cpu.ARM64.HasSM4 || cpu.ARM64.HasAES }
