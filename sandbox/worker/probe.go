//go:build zonebox_probe

package worker

import (
	"slices"

	"zonebox/sandbox/internal/wire"
)

func (s *server) probe(string) error { return errDead }

func skipped(opt wire.Options, layer string) bool { return slices.Contains(opt.Skip, layer) }
