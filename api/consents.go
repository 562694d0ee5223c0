package api

import (
	"encoding/base64"

	"zonebox/query"
)

func (s *server) consents(c call) (any, error) {
	return s.engine.Consents(c.Request.Context(), c.subject)
}

func (s *server) importConsents(c call) (any, error) {
	var in query.ConsentImport
	if err := c.about(&in); err != nil {
		return nil, err
	}
	if in.SHA256 != c.GetHeader(headerDigest) {
		return nil, query.BadRequest("请求的摘要与文件不符", "the request's digest is not the signed one")
	}
	return s.engine.ImportConsents(c.Request.Context(), c.subject, in, c.incoming())
}

func (s *server) withdrawConsents(c call) (any, error) {
	var in query.ConsentWithdrawal
	if err := c.about(&in); err != nil {
		return nil, err
	}
	if in.SHA256 != c.GetHeader(headerDigest) {
		return nil, query.BadRequest("请求的摘要与文件不符", "the request's digest is not the signed one")
	}
	return s.engine.WithdrawConsents(c.Request.Context(), c.subject, in, c.incoming())
}

// about reads what a request says of the file that is its body.
func (c call) about(in any) error {
	text, err := base64.RawURLEncoding.DecodeString(c.Query("request"))
	if err != nil {
		return query.BadRequest("缺少请求", "the request is missing")
	}
	return query.ReadJSON(text, in)
}
