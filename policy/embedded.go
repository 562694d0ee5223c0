package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
)

// EmbeddedPack is a city pack that the program carries.
type EmbeddedPack struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256"` // of its file, hex
}

// EmbeddedPacks returns the city packs that the program carries, by id. Which of them
// are in force at a gate, or which a signed bundle has in their place, only the gate
// knows.
func EmbeddedPacks() ([]EmbeddedPack, error) {
	files, err := fs.Glob(embeddedPacks, "pack/*.json")
	if err != nil {
		return nil, fmt.Errorf("policy: embedded packs: %w", err)
	}
	var all []EmbeddedPack
	for _, name := range files {
		id := strings.TrimSuffix(strings.TrimPrefix(name, "pack/"), ".json")
		if id+".json" == packSchema {
			continue
		}
		text, err := embeddedPacks.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("policy: embedded packs: %w", err)
		}
		sum := sha256.Sum256(text)
		all = append(all, EmbeddedPack{id, hex.EncodeToString(sum[:])})
	}
	return all, nil
}
