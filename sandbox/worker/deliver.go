package worker

import "zonebox/sandbox/internal/wire"

func (s *server) deliver(m wire.DeliverMessage) error { return faulted("format") }
