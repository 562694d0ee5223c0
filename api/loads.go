package api

import (
	"encoding/base64"
	"net/http"

	"zonebox/query"
)

// load takes a delivery. Before it reads the file it tells the id of the load in
// an informational answer (103), so that whoever sends it can ask how it stands.
func (s *server) load(c call) (any, error) {
	text, err := base64.RawURLEncoding.DecodeString(c.Query("manifest"))
	if err != nil {
		return nil, query.BadRequest("缺少交付清单", "the delivery manifest is missing")
	}
	m, err := query.DecodeManifest(text)
	if err != nil {
		return nil, query.BadRequest("交付清单不是所期望的 JSON", "the delivery manifest is not the expected JSON")
	}
	if !bodyOf(m, c.GetHeader(headerDigest)) {
		return nil, query.BadRequest("交付清单的摘要与请求不符", "the manifest's digest is not the signed one")
	}
	return s.engine.LoadIncoming(c.Request.Context(), c.subject, m, c.incoming())
}

// incoming is the file that is the body.
func (c call) incoming() query.Incoming {
	return query.Incoming{Data: c.body, Size: c.Request.ContentLength, Entered: func(id string) {
		c.Header(headerLoad, id)
		early(c.Writer)
	}}
}

// early sends the headers so far in an informational answer. The router's own
// writer keeps every status for the answer itself.
func early(w http.ResponseWriter) {
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		u.Unwrap().WriteHeader(http.StatusEarlyHints)
	}
}

func (s *server) loads(c call) (any, error) { return s.engine.Loads(c.Request.Context(), c.subject) }

func (s *server) loadByID(c call) (any, error) {
	return s.engine.LoadByID(c.Request.Context(), c.subject, c.Param("id"))
}

func (s *server) stopLoad(c call) (any, error) {
	return s.engine.StopLoad(c.Request.Context(), c.subject, c.Param("id"))
}

func (s *server) loadReceipt(c call) (any, error) {
	return s.engine.LoadReceipt(c.Request.Context(), c.subject, c.Param("id"))
}

func (s *server) refuseDelivery(c call) (any, error) {
	var in query.DeliveryFault
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.RefuseDelivery(c.Request.Context(), c.subject, in)
}

func (s *server) propose(c call) (any, error) {
	text, err := base64.RawURLEncoding.DecodeString(c.Query("request"))
	if err != nil {
		return nil, query.BadRequest("缺少请求", "the request is missing")
	}
	var in query.ProposalRequest
	if err := query.ReadJSON(text, &in); err != nil {
		return nil, err
	}
	if in.SHA256 != c.GetHeader(headerDigest) {
		return nil, query.BadRequest("请求的摘要与文件不符", "the request's digest is not the signed one")
	}
	return s.engine.Propose(c.Request.Context(), c.subject, in, c.body)
}
