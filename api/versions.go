package api

import "zonebox/query"

func (s *server) versions(c call) (any, error) {
	var in query.VersionQuery
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Versions(c.Request.Context(), c.subject, in)
}

func (s *server) verifyVersion(c call) (any, error) {
	var in query.VerifyRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Verify(c.Request.Context(), c.subject, in)
}

func (s *server) diffVersions(c call) (any, error) {
	var in query.DiffRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Diff(c.Request.Context(), c.subject, in)
}

func (s *server) rollback(c call) (any, error) {
	var in query.VersionOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Rollback(c.Request.Context(), c.subject, in)
}

func (s *server) retire(c call) (any, error) {
	var in query.VersionOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Retire(c.Request.Context(), c.subject, in)
}
