//go:build purego || (!amd64 && !arm64)

package lanes

// Without assembly both ciphers look up tables. Other processors may do better;
// nobody has looked.

func aesConstantTime() bool { return false }

func sm4ConstantTime() bool { return false }
