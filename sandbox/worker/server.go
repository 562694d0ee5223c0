package worker

import "zonebox/sandbox/internal/wire"

func readServer(m wire.DeliverMessage, fd int, out *emitter) error { return faulted("format") }
