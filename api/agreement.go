package api

import "zonebox/query"

func (s *server) agreements(c call) (any, error) {
	return s.engine.Agreements(c.Request.Context(), c.subject)
}

func (s *server) applyForLicense(c call) (any, error) {
	var in query.Application
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.ApplyForLicense(c.Request.Context(), c.subject, in)
}

func (s *server) agreement(c call) (any, error) {
	return s.engine.AgreementCourse(c.Request.Context(), c.subject, c.Param("id"))
}

func (s *server) moveAgreement(c call) (any, error) {
	var in query.AgreementOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.MoveAgreement(c.Request.Context(), c.subject, c.Param("id"), in)
}
