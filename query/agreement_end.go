package query

import (
	"context"
	"errors"
	"slices"

	"zonebox/keys"
	"zonebox/registry"
	"zonebox/workflow"
)

// offboard orders the destruction of the operator's workspace with its statements,
// held outputs and keys, which another person confirms (YC22-40). An operator with
// another license that is live keeps its workspace: it is not offboarded yet.
func (m *courseMove) offboard(tx *registry.Tx) error {
	if err := placeShred(tx, &m.shred); err != nil {
		return err
	}
	return m.do(tx, courseNote{Basis: m.order.Basis, Shred: m.shred.ID}, "")
}

// allDone refuses to close a course while anything of the operator is left: the
// workspace and its keys, a held output, an account of its or of a partner's; and
// without the certificate that the gate's key signed.
func (m *courseMove) allDone() error {
	e, operator := m.engine, m.course.RequesterOrg
	var open []Detail
	left := func(code, zh, en string) {
		open = append(open, Detail{Code: code, Articles: []string{"YC22-40"}, ZH: zh, EN: en})
	}
	sh, err := e.registry.Shred(m.ctx, m.course.shred)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return err
	}
	if m.course.shred == "" {
		left("OFFBOARDING_WORKSPACE", "工作区尚未申请销毁,由数据中心 license move 的 offboard 办理", "nobody ordered that the workspace is destroyed; the data centre does by license move, offboard")
	} else if err != nil || sh.State != registry.ShredDone || sh.Organization != operator {
		left("OFFBOARDING_WORKSPACE", "工作区尚未销毁,由另一人 shred confirm "+m.course.shred, "the workspace is not destroyed; another person confirms it: shred confirm "+m.course.shred)
	} else if err := m.certified(sh); err != nil {
		return err
	}
	standings, err := e.keys.Standings()
	if err != nil {
		return err
	}
	if len(standings[keys.Workspace(operator)].Live) > 0 {
		left("OFFBOARDING_KEYS", "工作区密钥尚存", "keys of the workspace are left")
	}
	outputs, err := e.queue(m.ctx, workflow.OutputRelease, waitingOutputs...)
	if err != nil {
		return err
	}
	for _, in := range outputs {
		run, err := e.registry.LoadRun(m.ctx, in.ID)
		if err != nil {
			return err
		}
		if run.Organization == operator { // of a partner's questions too
			left("OFFBOARDING_OUTPUTS", "尚有留存的结果", "held outputs are left")
			break
		}
	}
	ended, err := e.endedWith(m.ctx, operator)
	if err != nil {
		return err
	}
	err = e.each(m.ctx, registry.KindPerson, func(doc registry.Document) error {
		p, err := registry.SpecOf[registry.Person](doc)
		if err == nil && slices.Contains(ended, p.Organization) && slices.Contains(p.Roles, registry.RoleOperator) && p.Status == "active" {
			left("OFFBOARDING_ACCOUNT", "账号 "+doc.Name+" 未停用", "the account "+doc.Name+" is not disabled")
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(open) == 0 {
		return nil
	}
	why := fail("OFFBOARDING_OPEN", nil).because(open[0].ZH, open[0].EN)
	why.Details = open
	return why
}

// endedWith returns the organizations whose accounts die with an operator's last
// license: its own and its partners', but for those that something else keeps.
func (e *Engine) endedWith(ctx context.Context, operator string) ([]string, error) {
	partners, err := e.registry.Partners(ctx, operator)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, org := range append([]string{operator}, partners...) {
		live, err := e.registry.Works(ctx, org)
		if err != nil {
			return nil, err
		}
		if !live {
			out = append(out, org)
		}
	}
	return out, nil
}

// certified checks the certificate of a destruction as whoever receives it would.
func (m *courseMove) certified(sh registry.Shred) error {
	c, err := m.engine.certify(sh)
	if err != nil {
		return err
	}
	file, err := EncodeCertificate(c)
	if err != nil {
		return err
	}
	_, err = VerifyCertificate(file, m.engine.Domain())
	return err
}
