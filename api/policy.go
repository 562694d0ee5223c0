package api

import "zonebox/query"

func (s *server) policy(c call) (any, error) {
	return s.engine.Policy(c.Request.Context(), c.subject)
}

func (s *server) orderPolicy(c call) (any, error) {
	var in query.PolicyOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.OrderPolicy(c.Request.Context(), c.subject, in)
}

func (s *server) confirmPolicy(c call) (any, error) {
	return s.engine.ConfirmPolicy(c.Request.Context(), c.subject, c.Param("order"))
}

func (s *server) whatIf(c call) (any, error) {
	var in query.WhatIf
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.WhatIf(c.Request.Context(), c.subject, in)
}
