package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/workflow"
)

// withdrawalsMost is how many people one order withdraws: it is one transaction.
const withdrawalsMost = 50_000

// ConsentWithdrawal is a file of people who withdraw their consent to a scenario:
// one column, subject.
type ConsentWithdrawal struct {
	Scenario string `json:"scenario"`
	Format   string `json:"format,omitempty"`
	Encoding string `json:"encoding,omitempty"`
	SHA256   string `json:"sha256"` // of the file
}

// WithdrawalReceipt says what a withdrawal did.
type WithdrawalReceipt struct {
	Zone      string    `json:"zone"`
	Scenario  string    `json:"scenario"`
	At        time.Time `json:"at"`
	Rows      int64     `json:"rows"`
	Withdrawn int64     `json:"withdrawn"` // had consented to something
	Unknown   int64     `json:"unknown"`   // had not; their withdrawal is kept all the same
	Version   int64     `json:"version"`
	// Review are the runs whose outputs are held and were made under these consents:
	// none leaves before somebody has looked at it again.
	Review []string `json:"review"`
	// Released are the runs whose outputs have left: nobody calls them back.
	Released []string `json:"released"`
}

// WithdrawConsents withdraws, from now on, what people consented to: the next
// question does not see their rows, those under way are ended, and what is held and
// was made of them waits for a reviewer. While it goes on it is one of the gate's
// loads. It is for people of the data centre.
func (e *Engine) WithdrawConsents(ctx context.Context, s Subject, in ConsentWithdrawal, file Incoming) (_ *WithdrawalReceipt, err error) {
	c, err := e.consenting(ctx, s, in.Scenario, in.SHA256)
	if err != nil {
		return nil, err
	}
	if err := c.enter(file, in.SHA256); err != nil {
		return nil, err
	}
	defer func() { c.end(false, err) }()
	return c.withdraw(in, file.Data)
}

// withdraw is WithdrawConsents of a file that stands in the book.
func (c *consenting) withdraw(in ConsentWithdrawal, data io.Reader) (*WithdrawalReceipt, error) {
	e, ctx := c.engine, c.ctx
	out := &WithdrawalReceipt{Zone: c.scope.Zone, Scenario: in.Scenario}
	var all [][16]byte
	err := c.read(sandbox.Delivery{Format: in.Format, Encoding: in.Encoding}, consentColumns[:1], in.SHA256, data, func(rec arrow.RecordBatch) error {
		if out.Rows += rec.NumRows(); out.Rows > withdrawalsMost {
			return BadRequest(fmt.Sprintf("一次最多撤回 %d 人,请分几次", withdrawalsMost), fmt.Sprintf("at most %d people at once; split the file", withdrawalsMost))
		}
		return c.subjects.Tags(rec.Column(0), nil, func(_ int, tag masking.SubjectTag) { all = append(all, tag) })
	})
	if err != nil {
		return nil, err
	}
	if int64(len(all)) != out.Rows || len(all) == 0 {
		return nil, BadRequest("有的行未写明是谁", "a row does not say who")
	}
	datasets, err := e.datasetsByConsent(ctx, in.Scenario)
	if err != nil {
		return nil, asError(err)
	}
	c.book.step(StepCommit)
	err = e.update(ctx, func(tx *registry.Tx) error {
		if err := c.subject.standsIn(tx); err != nil { // a file is long on its way
			return err
		}
		state, had, err := tx.WithdrawConsents(c.scope, all)
		if err != nil {
			return err
		}
		out.At, out.Version, out.Withdrawn, out.Unknown = tx.Now(), state.Version, had, int64(len(all))-had
		return tx.Emit(c.event("consents.withdrawn", map[string]string{"digest": in.SHA256, "rows": fmt.Sprint(len(all)),
			"withdrawn": fmt.Sprint(had), "version": fmt.Sprint(state.Version)}))
	})
	if err == nil || errors.Is(err, errUnlogged) { // it stands
		by := registry.Ref{Kind: registry.KindConsents, Name: in.Scenario, Version: out.Version}
		err = errors.Join(err, e.endConsents(c.scope, datasets, by))
	}
	if err == nil {
		err = e.madeUnder(ctx, c.scope, out)
	}
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// datasetsByConsent are the datasets that grants of a scenario show by consent.
func (e *Engine) datasetsByConsent(ctx context.Context, scenario string) (out []string, err error) {
	err = e.each(ctx, registry.KindGrant, func(d registry.Document) error {
		g, err := registry.SpecOf[registry.Grant](d)
		if err == nil && g.Scenario == scenario && g.Basis == registry.BasisConsent {
			out = append(out, g.Dataset)
		}
		return err
	})
	return out, err
}

// madeUnder lists the outputs that were made under the consents to a scenario:
// those that are held, which policy sends to review before they leave, and those
// that have left.
func (e *Engine) madeUnder(ctx context.Context, scope registry.ConsentScope, out *WithdrawalReceipt) error {
	out.Review, out.Released = []string{}, []string{}
	for _, l := range []struct {
		states []workflow.State
		to     *[]string
	}{{waitingOutputs, &out.Review}, {releasedOutputs, &out.Released}} {
		queue, err := e.queue(ctx, workflow.OutputRelease, l.states...)
		if err != nil {
			return err
		}
		for _, in := range queue {
			run, err := e.registry.LoadRun(ctx, in.ID)
			if err != nil {
				return err
			}
			if run.Scenario != scope.Scenario || run.Zone != scope.Zone || run.Shredded {
				continue
			}
			var rec record
			if err := json.Unmarshal(run.Decision, &rec); err != nil {
				return fmt.Errorf("query: stored decision of %s: %w", in.ID, err)
			}
			if rec.Consent != nil {
				*l.to = append(*l.to, in.ID)
			}
		}
	}
	return nil
}

// ConsentView is how the consents to a scenario stand, by counts.
type ConsentView struct {
	Zone        string     `json:"zone"`
	Scenario    string     `json:"scenario"`
	Version     int64      `json:"version"`
	Given       int64      `json:"given"`       // those that are over or withdrawn too
	Withdrawals int64      `json:"withdrawals"` // people and times
	Valid       int        `json:"valid"`       // people whose consent is valid now
	WithdrawnAt *time.Time `json:"withdrawn_at,omitempty"`
}

// Consents lists how consents stand, scenario by scenario, to the data centre and
// those who supervise; a regulator is shown those of its zones.
func (e *Engine) Consents(ctx context.Context, s Subject) ([]ConsentView, error) {
	all := s.any(registry.RoleDataCentre, registry.RoleAuditor, registry.RoleSecurity, registry.RoleCityAuthority)
	if !all && !s.any(registry.RoleZoneRegulator) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	scopes, err := e.registry.ConsentScopes(ctx)
	if err != nil {
		return nil, asError(err)
	}
	out := []ConsentView{}
	for _, scope := range scopes {
		z := registry.Versioned[registry.Zone]{Name: scope.Zone}
		z.Spec, err = find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, scope.Zone)
		if err != nil {
			return nil, asError(err)
		}
		if !all && z.Spec.Regulator != s.organization {
			continue
		}
		state, err := e.registry.ConsentState(ctx, scope)
		if err != nil {
			return nil, asError(err)
		}
		f := registry.Facts{Zone: z, Consents: state}
		f.Scenario.Name = scope.Scenario
		c, err := e.consentedTo(ctx, f)
		if err != nil {
			return nil, asError(err)
		}
		v := ConsentView{Zone: scope.Zone, Scenario: scope.Scenario, Version: state.Version, Given: state.Consents, Withdrawals: state.Withdrawals, Valid: c.set.Len()}
		if !state.WithdrawnAt.IsZero() {
			v.WithdrawnAt = &state.WithdrawnAt
		}
		out = append(out, v)
	}
	return out, nil
}
