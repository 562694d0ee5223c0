//go:build !amd64 || purego

package lanes

func aesBlocks(key []byte) func(dst, src []byte) { return portableAES(key) }

func aesPath() string { return "crypto/aes" }
