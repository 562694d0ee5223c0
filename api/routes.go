package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"zonebox/query"
)

// routes declares every operation of the gate, below /v1.
func routes(a huma.API, e *query.Engine) {
	submissions(a, e)
	add(a, "POST", "/explain", "说明将如何裁决与执行,不触及数据 / what the gate would decide and run, without data", func(c call, in *body[QueryRequest]) (*query.Explanation, error) {
		return e.Explain(c.Request.Context(), in.Body.request(c.subject))
	})
	add(a, "POST", "/previews", "预览授权的脱敏效果 / what the recipes of a grant make of some rows", said(e.Preview))

	writings(a, e)
	add(a, "GET", "/packs", "现行规则的政策包 / the policy packs of the rules in force", all(e.Packs))
	add(a, "GET", "/packs/{name}", "一个政策包 / one policy pack", func(c call, in *struct {
		From string `query:"from" doc:"a day from which its terms are counted"`
	}) (query.PackView, error) {
		return e.Pack(c.Request.Context(), c.subject, c.named(0), in.From)
	})
	pages(a, "/catalogue", "目录 / the catalogue", e.Entries)
	add(a, "GET", "/catalogue/{name}", "目录条目及其各版 / one entry with its editions", one(e.Entry))
	add(a, "POST", "/catalogue/{name}", "办理目录条目 / make a move of an entry", saidOf(e.MoveEntry))
	add(a, "GET", "/catalogue-exports/{list}/{format}", "导出目录清单 / a list of the catalogue in a format", func(c call, _ *nothing) (*query.CatalogueExport, error) {
		return e.ExportCatalogue(c.Request.Context(), c.subject, c.named(0), c.named(1))
	})

	deliveries(a, e)
	add(a, "GET", "/loads", "加载 / loads, the newest first", all(e.Loads))
	add(a, "GET", "/loads/{id}", "一次加载 / one load", one(e.LoadByID))
	events(a, e, "/loads/{id}/events", "加载的进展(SSE) / how a load stands, as events", "load", func(ctx context.Context, c call) (*query.LoadView, <-chan struct{}, error) {
		if err := e.Stands(ctx, c.subject); err != nil {
			return nil, nil, err
		}
		v, err := e.LoadByID(ctx, c.subject, c.named(0))
		return v, nil, err
	})
	add(a, "DELETE", "/loads/{id}", "停止加载 / stop a load", one(e.StopLoad))
	add(a, "GET", "/loads/{id}/receipt", "加载回执 / the signed receipt of a load", one(e.LoadReceipt))
	add(a, "POST", "/receipts", "报告无法读取的交付 / report a delivery that cannot be read", said(e.RefuseDelivery))
	pages(a, "/consents", "同意,按场景计数 / consents, counted by scenario", e.Consents)

	pages(a, "/agreements", "授权运营办理事项 / courses of licenses", e.Agreements)
	add(a, "POST", "/agreements", "申请授权运营 / apply for a license", said(e.ApplyForLicense))
	add(a, "GET", "/agreements/{id}", "一件办理事项 / one course", one(e.AgreementCourse))
	add(a, "POST", "/agreements/{id}", "办理授权运营事项 / make a move of a course", saidOf(e.MoveAgreement))
	pages(a, "/requests", "数据需求 / data requests", e.DataRequests)
	add(a, "GET", "/requests/{name}", "一件数据需求 / one data request", one(e.DataRequest))
	add(a, "POST", "/requests/{name}", "办理数据需求 / make a move of a data request", saidOf(e.MoveRequest))
	pages(a, "/clocks", "未了期限 / open terms", e.Clocks)
	pages(a, "/alerts", "预警 / alerts that were sent to the caller, the newest first", e.Alerts)
	add(a, "GET", "/alerts/{id}", "一条预警 / one alert", one(e.Alert))
	add(a, "POST", "/alerts/{id}", "了结预警 / close an alert", saidOf(e.CloseAlert))
	add(a, "GET", "/sessions", "本人已登录的浏览器 / browsers in which the caller is signed in", all(e.Sessions))
	add(a, "DELETE", "/sessions/{id}", "退出一个浏览器 / sign out of one of them", one(e.EndSession))
	pages(a, "/second-factors", "动态口令 / who has one-time codes: the caller, or all", e.SecondFactors)
	add(a, "POST", "/second-factors", "登记动态口令 / get one-time codes, by a secret that is in the answer alone", all(e.NewSecondFactor))
	add(a, "POST", "/second-factors/codes", "给出动态口令 / give a one-time code", said(e.GiveCode))
	add(a, "DELETE", "/second-factors/{person}", "解除他人遗失的动态口令 / end another's one-time codes, which were lost", one(e.EndSecondFactor))
	pages(a, "/contacts", "联系方式(遮盖) / how people are reached, masked", e.Contacts)
	add(a, "POST", "/contacts", "登记联系方式 / say how a person is reached", said(e.SetContact))
	add(a, "POST", "/contacts/shows", "查看联系方式 / how a person is reached, as it is", said(e.ShowContact))
	pages(a, "/api-keys", "API 密钥 / the API keys of the caller, or of all", e.APIKeys)
	add(a, "POST", "/api-keys", "签发 API 密钥 / issue an API key, whose text is in the answer alone", said(e.IssueAPIKey))
	add(a, "DELETE", "/api-keys/{id}", "吊销 API 密钥 / revoke an API key", one(e.RevokeAPIKey))
	pages(a, "/tickets", "质量工单 / quality tickets that are not settled", e.Tickets)
	add(a, "POST", "/tickets", "提出质量工单 / open a quality ticket", said(e.OpenTicket))
	add(a, "GET", "/tickets/{ticket}", "一件工单 / one ticket", one(e.Ticket))
	add(a, "POST", "/tickets/{ticket}", "办理工单 / make a move on a ticket", saidOf(e.MoveTicket))

	reviews(a, e)
	add(a, "POST", "/outputs/{run}", "召回或冻结结果 / recall or freeze an output", func(c call, in *body[OutputOrder]) (*query.ReviewItem, error) {
		return e.MoveOutput(c.Request.Context(), c.subject, c.named(0), in.Body.Move, in.Body.Basis)
	})
	add(a, "GET", "/traces/{run}", "结果的数据来源 / where the data of a run come from", one(e.Trace))
	add(a, "POST", "/fragments", "由泄露片段追溯放行 / the releases that hold lines of a fragment", said(e.TraceFragment))

	data(a, e)
	supervision(a, e)
	add(a, "GET", "/domain", "本域身份 / the identity of the domain", func(call, *nothing) (query.DomainInfo, error) { return e.Domain(), nil })
	add(a, "GET", "/openapi", "本接口的 OpenAPI 文档 / this document", func(call, *nothing) (json.RawMessage, error) { return json.Marshal(a.OpenAPI()) })
	add(a, "POST", "/selfchecks", "网关自查并签署 / have the gate measure itself, and sign it", all(e.MakeSelfcheck))
	add(a, "GET", "/status", "网关状态 / the state of the gate", all(e.Status))
}

// sealed declares an operation whose answer is a sealed file.
func sealed(a huma.API, op huma.Operation, do func(call, *nothing) (*query.Answer, error)) {
	type artifact struct {
		ContentType string `header:"Content-Type"`
		Run         string `header:"X-Zonebox-Run" doc:"the run that the answer is of"`
		Body        []byte
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "the sealed artifact", Content: map[string]*huma.MediaType{artifactType: {}}}}
	huma.Register(a, op, func(ctx context.Context, in *nothing) (*artifact, error) {
		c, err := callOf(ctx)
		if err != nil {
			return nil, err
		}
		out, err := do(c, in)
		if err != nil {
			return nil, c.server.problem(c.Context, err)
		}
		return &artifact{artifactType, out.Run, out.Artifact.Bytes()}, nil
	})
}

const artifactType = "application/vnd.zonebox.artifact"

// writings are what regulators, providers and operators write.
func writings(a huma.API, e *query.Engine) {
	type text struct {
		RawBody []byte `contentType:"application/yaml"`
	}
	add(a, "POST", "/documents", "提交文书(YAML 或 JSON),全部生效或全不生效 / apply documents, all or none", func(c call, in *text) ([]query.Applied, error) {
		return e.Apply(c.Request.Context(), c.subject, bytes.NewReader(in.RawBody))
	})
	pagesOf(a, "/documents/{kind}", "某类文书 / the documents of a kind", func(c call) ([]query.DocumentView, error) {
		return e.Documents(c.Request.Context(), c.subject, c.named(0), "")
	})
	add(a, "GET", "/documents/{kind}/{name}", "一份文书 / one document", func(c call, _ *nothing) ([]query.DocumentView, error) {
		return e.Documents(c.Request.Context(), c.subject, c.named(0), c.named(1))
	})
	add(a, "GET", "/pending", "待生效文书 / documents that wait for their time", func(c call, in *struct {
		All bool `query:"all" doc:"those too that no longer wait"`
	}) ([]query.PendingView, error) {
		return e.PendingDocuments(c.Request.Context(), c.subject, in.All)
	})
	add(a, "POST", "/pending/{batch}", "撤回待生效文书 / take back a batch that waits", func(c call, in *body[query.WithdrawOrder]) (nothing, error) {
		return nothing{}, e.Withdraw(c.Request.Context(), c.subject, c.named(0), in.Body)
	})
	add(a, "GET", "/history/{kind}/{name}", "文书的各版 / the versions of a document, the newest first", func(c call, _ *nothing) ([]query.DocumentVersion, error) {
		return e.History(c.Request.Context(), c.subject, c.named(0), c.named(1))
	})
	add(a, "POST", "/shows", "以文句说明文书 / a document in a sentence, with its fields", said(e.Show))
	add(a, "POST", "/diffs", "两版文书的差异 / what differs between two versions of a document", said(e.DiffDocument))
	add(a, "POST", "/rollbacks", "恢复较早的版本 / make an earlier version of a document the newest", said(e.RollBackDocument))
	add(a, "POST", "/catalogue-checks", "检查目录条目 / what stands against an entry", func(c call, in *text) (*query.EntryDetail, error) {
		return e.CheckEntry(c.Request.Context(), c.subject, bytes.NewReader(in.RawBody))
	})
}

// deliveries are the operations whose body is a file, of any size.
func deliveries(a huma.API, e *query.Engine) {
	file(a, "/loads", "加载一次交付 / load a delivery", manifest, func(c call, m query.Manifest) (*query.LoadReport, error) {
		return e.LoadIncoming(c.Request.Context(), c.subject, m, c.incoming())
	})
	file(a, "/trials", "试加载,不提交 / what a load would do", manifest, func(c call, m query.Manifest) (*query.LoadTrial, error) {
		return e.TryLoad(c.Request.Context(), c.subject, m, c.body)
	})
	file(a, "/proposals", "由文件起草数据集文书 / a draft of a dataset from a file", about(func(in query.ProposalRequest) string { return in.SHA256 }), func(c call, in query.ProposalRequest) (*query.Proposal, error) {
		return e.Propose(c.Request.Context(), c.subject, in, c.body)
	})
	file(a, "/consents", "导入同意 / bring in consents", about(func(in query.ConsentImport) string { return in.SHA256 }), func(c call, in query.ConsentImport) (*query.ConsentReceipt, error) {
		return e.ImportConsents(c.Request.Context(), c.subject, in, c.incoming())
	})
	file(a, "/consents/withdrawals", "撤回同意 / withdraw consents", about(func(in query.ConsentWithdrawal) string { return in.SHA256 }), func(c call, in query.ConsentWithdrawal) (*query.WithdrawalReceipt, error) {
		return e.WithdrawConsents(c.Request.Context(), c.subject, in, c.incoming())
	})
}

// file declares an operation whose body is a file that is read as it comes. What is
// said of the file stands in the query; its digest is signed, and the engine compares
// it before anything is committed.
func file[In, Out any](a huma.API, path, does string, read func(text []byte, digest string) (In, error), do func(call, In) (Out, error)) {
	type told struct {
		Request string `query:"request" required:"true" doc:"JSON in base64url, without padding"`
		Digest  string `header:"X-Zonebox-Content-Sha256"`
	}
	op := describe("POST", path, does)
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {}}}
	declare(a, op, func(c call, in *told) (Out, error) {
		text, err := base64.RawURLEncoding.DecodeString(in.Request)
		if err != nil {
			return *new(Out), query.BadRequest("缺少请求", "the request is missing")
		}
		of, err := read(text, in.Digest)
		if err != nil {
			return *new(Out), err
		}
		return do(c, of)
	})
}

// manifest reads the manifest of a delivery of that digest.
func manifest(text []byte, digest string) (query.Manifest, error) {
	m, err := query.DecodeManifest(text)
	switch {
	case err != nil:
		return m, query.BadRequest("交付清单不是所期望的 JSON", "the delivery manifest is not the expected JSON")
	case m.Source == "" && digest == m.SHA256 || m.Source != "" && digest == emptyDigest: // of a source nothing comes
		return m, nil
	}
	return m, query.BadRequest("交付清单的摘要与请求不符", "the manifest's digest is not the signed one")
}

// about reads what is said of a file of that digest.
func about[In any](sha256 func(In) string) func(text []byte, digest string) (In, error) {
	return func(text []byte, digest string) (In, error) {
		var in In
		if err := query.ReadJSON(text, &in); err != nil {
			return in, err
		}
		if sha256(in) != digest {
			return in, query.BadRequest("请求的摘要与文件不符", "the request's digest is not the signed one")
		}
		return in, nil
	}
}

// incoming is the file that is the body. The id of what is made of it is told in an
// informational answer (103), before the file is read, so that whoever sends it can
// ask how it stands.
func (c call) incoming() query.Incoming {
	return query.Incoming{Data: c.body, Size: c.Request.ContentLength, Entered: func(id string) {
		c.Header(headerLoad, id)
		// The router's own writer keeps every status for the answer itself.
		if u, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter }); ok {
			u.Unwrap().WriteHeader(http.StatusEarlyHints)
		}
	}}
}

// reviews are the desk.
func reviews(a huma.API, e *query.Engine) {
	pages(a, "/reviews", "待审事项 / what waits for review", e.Reviews)
	add(a, "GET", "/reviews/{run}", "一件待审事项 / one run as a reviewer sees it", one(e.Review))
	add(a, "GET", "/reviews/{run}/rows", "待审结果的若干行 / rows of an output that waits", func(c call, in *struct {
		From int64 `query:"from" default:"1" minimum:"1"`
		Rows int   `query:"rows" default:"100" minimum:"1"`
	}) (*query.ReviewRows, error) {
		return e.ReviewRows(c.Request.Context(), c.subject, c.named(0), in.From, in.Rows)
	})
	add(a, "POST", "/reviews/{run}", "批准或驳回 / approve or reject", func(c call, in *body[Settlement]) (*query.ReviewItem, error) {
		return e.Settle(c.Request.Context(), c.subject, c.named(0), in.Body.Approve, in.Body.Basis)
	})
	add(a, "POST", "/reviews/{run}/coarser", "使结果更粗 / have an output made coarser", saidOf(e.Coarsen))
}

// data are versions, their quality, keys, backups and destruction.
func data(a huma.API, e *query.Engine) {
	pages(a, "/quality", "各数据集最近的质量 / the last check of each dataset", e.Qualities)
	add(a, "GET", "/quality/{dataset}", "质量报告 / the quality of a dataset", func(c call, in *struct {
		Version string `query:"version"`
	}) (*query.QualityView, error) {
		return e.Quality(c.Request.Context(), c.subject, c.named(0), in.Version)
	})
	add(a, "GET", "/quality/{dataset}/history", "质量得分沿革 / the scores of a dataset, the newest first", one(e.QualityHistory))
	add(a, "GET", "/quality/{dataset}/rules", "质量规则 / what is measured of a dataset", one(e.QualityRules))
	add(a, "POST", "/quality/{dataset}/run", "再次检查质量 / check the current version again", one(e.RunQuality))
	add(a, "POST", "/quality/{dataset}/settle", "放行或驳回被扣留的版本 / release or reject a version that is held back", saidOf(e.SettleQuality))

	add(a, "POST", "/versions", "专区中的版本 / the versions in zones", said(e.Versions))
	add(a, "POST", "/versions/verify", "核对版本 / compare a version with what was committed", said(e.Verify))
	add(a, "POST", "/versions/diff", "两版的计数差异 / compare two versions by counts", said(e.Diff))
	add(a, "POST", "/versions/rollback", "恢复较早的版本 / make an earlier version current again", said(e.Rollback))
	add(a, "POST", "/versions/retire", "清退版本 / let the files of a version go", said(e.Retire))

	add(a, "GET", "/keys", "密钥清单 / the inventory of keys", all(e.Keys))
	add(a, "POST", "/keys/rotate", "轮换密钥 / a new version of a key", said(e.RotateKey))
	add(a, "POST", "/keys/destroy", "销毁密钥 / destroy keys", said(e.DestroyKey))
	add(a, "POST", "/keys/rewrap", "改用新密钥封装 / wrap data keys by the newest version", func(c call, in *body[query.KeyOrder]) (*query.RewrapReport, error) {
		return e.Rewrap(c.Request.Context(), c.subject, in.Body.Zone)
	})

	pages(a, "/backups", "备份 / backups", e.Backups)
	add(a, "POST", "/backups", "备份本域 / back the domain up", func(c call, in *body[BackupRequest]) (*query.Backup, error) {
		return e.CreateBackup(c.Request.Context(), c.subject, in.Body.Root)
	})
	add(a, "POST", "/backups/{id}/verify", "核对备份 / read every byte of a backup", one(e.VerifyBackup))
	pages(a, "/shreds", "销毁令 / orders of destructions", e.Shreds)
	add(a, "POST", "/shreds", "下达销毁令 / order a destruction", said(e.OrderShred))
	add(a, "POST", "/shreds/{id}", "确认销毁 / confirm a destruction", one(e.ConfirmShred))
}

// supervision is the log, what is drawn from it, and the rules.
func supervision(a huma.API, e *query.Engine) {
	add(a, "GET", "/audit", "审计记录 / entries of the log", func(c call, in *struct {
		From  uint64 `query:"from"`
		Limit int    `query:"limit" default:"50" minimum:"1" maximum:"1000"`
	}) ([]query.AuditEntry, error) {
		return e.Audit(c.Request.Context(), c.subject, in.From, in.Limit)
	})
	add(a, "GET", "/audit/checkpoint", "检查点及其延续证明 / the newest checkpoint, and that it continues another", func(c call, in *struct {
		From uint64 `query:"from" maximum:"9223372036854775807"`
	}) (*query.LogExtension, error) {
		return e.Extension(c.Request.Context(), c.subject, in.From)
	})
	add(a, "POST", "/audit/cosignatures", "交来见证签名 / hand in a checkpoint that was cosigned", func(c call, in *body[CosignRequest]) (*query.WitnessedView, error) {
		return e.Cosign(c.Request.Context(), c.subject, []byte(in.Body.Checkpoint))
	})
	add(a, "GET", "/audit/proofs/{run}", "放行在日志中的证明 / that the log holds a release", one(e.Prove))
	type period struct {
		From string `query:"from"`
		To   string `query:"to"`
		Zone string `query:"zone"`
	}
	report := func(in *period) query.Period { return query.Period(*in) }
	add(a, "GET", "/reports/use", "利用情况 / the use of a period", func(c call, in *period) (*query.UseReport, error) {
		return e.Use(c.Request.Context(), c.subject, report(in))
	})
	add(a, "GET", "/reports/unused", "授权未用 / what was granted and not read", func(c call, in *period) (*query.UnusedReport, error) {
		return e.Unused(c.Request.Context(), c.subject, report(in))
	})
	add(a, "GET", "/reports/risk", "风险 / the risks of a period", func(c call, in *period) (*query.RiskReport, error) {
		return e.Risk(c.Request.Context(), c.subject, report(in))
	})
	add(a, "POST", "/samples", "抽样 / draw a sample of approvals and releases", said(e.DrawSample))
	add(a, "GET", "/samples/{id}", "一次抽样 / a sample with its verdicts", one(e.Sample))
	add(a, "POST", "/samples/{id}/verdicts", "抽样结论 / the verdict on an entry of a sample", saidOf(e.Judge))

	add(a, "POST", "/what-if", "以草案重演既往裁决 / what a draft would have decided", said(e.WhatIf))
	add(a, "GET", "/policy", "现行规则 / the rules in force", all(e.Policy))
	add(a, "POST", "/policy", "下令换用规则 / order other rules", said(e.OrderPolicy))
	add(a, "POST", "/policy/{order}", "确认换用规则 / confirm other rules", one(e.ConfirmPolicy))
}
