package query

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/registry"
)

// PolicyOrder asks that rules come into force: those of Archive, a signed bundle,
// from a time on, or, with neither, those that were in force before.
type PolicyOrder struct {
	Archive []byte    `json:"archive,omitempty"`
	From    time.Time `json:"from,omitzero"`    // zero or past: as soon as it is confirmed
	Return  bool      `json:"return,omitempty"` // to the bundle before
	Reason  string    `json:"reason,omitempty"` // of a return
}

// PolicyView is what is in force and what was ordered.
type PolicyView struct {
	Hash     string            `json:"hash"`     // of the rules, their data and the packs
	Revision int64             `json:"revision"` // of the bundle in force; 0 if there is none
	Orders   []PolicyOrderView `json:"orders"`   // the newest first
}

// PolicyOrderView is one order and how far it came.
type PolicyOrderView struct {
	ID          string     `json:"id"`
	State       string     `json:"state"` // ORDERED, LAPSED, SCHEDULED, IN_FORCE or PAST
	Revision    int64      `json:"revision"`
	Return      bool       `json:"return"`
	Digest      string     `json:"digest"`
	Signer      string     `json:"signer"`
	Modules     []string   `json:"modules"` // expert rules
	Packs       []string   `json:"packs"`
	From        time.Time  `json:"from"`
	Reason      string     `json:"reason,omitempty"`
	By          string     `json:"by"`
	Org         string     `json:"org"`
	At          time.Time  `json:"at"`
	ConfirmedBy string     `json:"confirmed_by,omitempty"`
	ConfirmedAt *time.Time `json:"confirmed_at,omitempty"`
}

// rulers may order and confirm rules: one of each, of different organizations.
var rulers = []string{registry.RoleCityAuthority, registry.RoleZoneRegulator}

// Policy tells what is in force. It is for whoever supervises.
func (e *Engine) Policy(ctx context.Context, s Subject) (*PolicyView, error) {
	if !s.any(registry.RoleCityAuthority, registry.RoleZoneRegulator, registry.RoleAuditor, registry.RoleSecurity, registry.RoleDataCentre) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	orders, err := e.registry.PolicyOrders(ctx)
	if err != nil {
		return nil, asError(err)
	}
	evaluator, inForce := e.rules.Load().at(e.cfg.Now())
	v := &PolicyView{Hash: evaluator.BundleHash(), Orders: []PolicyOrderView{}}
	if inForce != nil {
		v.Revision = inForce.Revision
	}
	for _, o := range slices.Backward(orders) {
		v.Orders = append(v.Orders, e.orderView(o))
	}
	return v, nil
}

func (e *Engine) orderView(o registry.PolicyOrder) PolicyOrderView {
	v := PolicyOrderView{ID: o.ID, Revision: o.Revision, Return: o.Returns(), Digest: o.Digest, Signer: o.Signer, Modules: []string{}, Packs: []string{},
		From: o.From, Reason: o.Reason, By: o.By, Org: o.Org, At: o.At, ConfirmedBy: o.ConfirmedBy}
	if b, err := policy.Restore(o.Archive, map[string]ed25519.PublicKey{o.Signer: o.Key}); err == nil {
		v.Modules, v.Packs = append(v.Modules, b.Modules...), append(v.Packs, b.Packs...)
	}
	now := e.cfg.Now()
	_, inForce := e.rules.Load().at(now)
	switch {
	case o.Step == 0 && now.Sub(o.At) > orderTerm:
		v.State = "LAPSED"
	case o.Step == 0:
		v.State = "ORDERED"
	case inForce != nil && inForce.Step == o.Step:
		v.State = "IN_FORCE"
	case o.From.After(now) && (inForce == nil || o.Step > inForce.Step):
		v.State = "SCHEDULED"
	default:
		v.State = "PAST"
	}
	if o.Step > 0 {
		v.ConfirmedAt = &o.ConfirmedAt
	}
	return v
}

// OrderPolicy orders rules, which another person confirms; nothing changes by it.
// Who orders a bundle has signed it, and its revision is above every one confirmed.
func (e *Engine) OrderPolicy(ctx context.Context, s Subject, in PolicyOrder) (*PolicyOrderView, error) {
	if !s.any(rulers...) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if in.Return == (len(in.Archive) > 0) || in.Return && (strings.TrimSpace(in.Reason) == "" || !in.From.IsZero()) || len(in.Reason) > 1000 {
		return nil, BadRequest("须给出签名的策略包,或回退及其理由", "give a signed bundle, or a return and its reason")
	}
	o := registry.PolicyOrder{ID: newID("policy", e.cfg.Now()), From: in.From, Reason: in.Reason, By: s.user, Org: s.organization, Roles: s.roles}
	err := e.update(ctx, func(tx *registry.Tx) error {
		o.At = tx.Now()
		if err := e.fill(tx.Context(), s, in, &o); err != nil {
			return err
		}
		if err := tx.PutPolicyOrder(o); err != nil {
			return err
		}
		return tx.Emit(policyEvent("policy.ordered", o, s))
	})
	if refused := asError(err); err != nil && refused.Class == ClassDenied {
		return nil, e.refusedOrder(ctx, s, refused)
	}
	if err != nil {
		return nil, asError(err)
	}
	v := e.orderView(o)
	return &v, nil
}

// fill completes an order by what it is about, which must be so.
func (e *Engine) fill(ctx context.Context, s Subject, in PolicyOrder, o *registry.PolicyOrder) error {
	highest, newest := e.rules.Load().last()
	if in.Return {
		if newest.Revision == 0 {
			return fail("POLICY_BUNDLE_REFUSED", nil).because("现行为内置规则,没有可回退的策略包", "the rules of the program are in force; there is nothing to return from")
		}
		before := e.rules.Load().before(newest.Revision)
		o.Revision, o.Digest, o.Signer = before.Revision, before.Digest, before.Signer
		return nil
	}
	key, err := e.rulerKey(ctx, s.user)
	if err != nil {
		return err
	}
	b, err := policy.Read(in.Archive, map[string]ed25519.PublicKey{s.user: key})
	if err != nil {
		return fail("POLICY_BUNDLE_REFUSED", err)
	}
	if b.Revision <= highest {
		return fail("POLICY_BUNDLE_REFUSED", nil).because(fmt.Sprintf("版本号须大于已确认的 %d", highest), fmt.Sprintf("its revision must be above %d, which was confirmed", highest))
	}
	o.Archive, o.Revision, o.Digest, o.Signer, o.Key = in.Archive, b.Revision, b.Digest, b.Signer, key
	return nil
}

// rulerKey returns the signing key of a person who may order rules today.
func (e *Engine) rulerKey(ctx context.Context, name string) (ed25519.PublicKey, error) {
	p, err := e.registry.Person(ctx, name)
	if errors.Is(err, registry.ErrNotFound) || errors.Is(err, registry.ErrInactive) {
		return nil, fail("POLICY_BUNDLE_REFUSED", err).because("签署人已不在岗", "who signed it is not active any more")
	}
	if err != nil {
		return nil, asError(err)
	}
	key, err := base64.StdEncoding.DecodeString(p.SigningKey)
	if err != nil || len(key) != ed25519.PublicKeySize || !(Subject{roles: p.Roles}).any(rulers...) {
		return nil, fail("POLICY_BUNDLE_REFUSED", nil).because("签署人不得签署策略包", "who signed it may not sign bundles")
	}
	return key, nil
}

// ConfirmPolicy brings into force what another person ordered: of the city authority
// and a zone regulator one each, of different organizations. Everything is compiled
// before anything changes; statements under way end, and approvals given under
// other rules are void.
func (e *Engine) ConfirmPolicy(ctx context.Context, s Subject, id string) (*PolicyOrderView, error) {
	if !s.any(rulers...) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	e.ruling.Lock() // one change at a time, and the set is that of the registry
	defer e.ruling.Unlock()
	o, err := e.registry.PolicyOrder(ctx, id)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fail("NOT_FOUND", err)
	}
	if err != nil {
		return nil, asError(err)
	}
	set, err := e.confirmable(ctx, s, &o)
	if err != nil {
		if refused := asError(err); refused.Class == ClassDenied {
			return nil, e.refusedOrder(ctx, s, refused)
		}
		return nil, err
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		if err := tx.BumpEpoch(); err != nil {
			return err
		}
		if err := tx.PutPolicyOrder(o); err != nil {
			return err
		}
		return tx.Emit(policyEvent("policy.confirmed", o, s))
	})
	if err == nil || errors.Is(err, errUnlogged) { // it is committed
		e.rules.Store(set)
		e.endAll(errOvertakenRules)
		e.readers.dismiss()
	}
	if err != nil {
		return nil, asError(err)
	}
	v := e.orderView(o)
	return &v, nil
}

// confirmable checks that s may confirm the order today, makes o the confirmed one
// and returns the rules with it.
func (e *Engine) confirmable(ctx context.Context, s Subject, o *registry.PolicyOrder) (*policySet, error) {
	refuse := func(zh, en string) error { return fail("POLICY_BUNDLE_REFUSED", nil).because(zh, en) }
	orderer, err := e.registry.Person(ctx, o.By)
	gone := errors.Is(err, registry.ErrInactive) || errors.Is(err, registry.ErrNotFound)
	if err != nil && !gone {
		return nil, asError(err)
	}
	ordered := Subject{roles: orderer.Roles, organization: orderer.Organization}
	set := e.rules.Load()
	highest, newest := set.last()
	now := e.cfg.Now()
	switch {
	case o.Step > 0:
		return nil, refuse("已由他人确认", "another person has confirmed it")
	case now.Sub(o.At) > orderTerm:
		return nil, refuse("申请已超过七日,请重新提出", "the order is older than seven days; give it again")
	case gone || !ordered.any(rulers...):
		return nil, refuse("申请人员已无此权限,请重新提出", "who ordered it may not any more; give the order again")
	case s.user == o.By || s.organization == ordered.organization || !differ(s, ordered):
		return nil, refuse("须由另一单位、另一角色的人员确认(市数据主管部门与专区监管部门各一人)", "a person of another organization and role confirms it: one of the city authority, one a zone regulator")
	case !o.Returns() && o.Revision <= highest:
		return nil, refuse("已有更高版本确认", "a higher revision was confirmed meanwhile")
	case o.Returns() && set.before(newest.Revision).Revision != o.Revision || o.Returns() && newest.Revision == 0:
		return nil, refuse("策略包在申请之后已变更", "the rules have changed since the order")
	}
	if !o.Returns() {
		key, err := e.rulerKey(ctx, o.Signer)
		if err != nil {
			return nil, err
		}
		if !key.Equal(ed25519.PublicKey(o.Key)) {
			return nil, refuse("签署人的公钥已更换,请重新签署", "the signer has another key now; sign again")
		}
	}
	o.Step, o.ConfirmedBy, o.ConfirmedOrg, o.ConfirmedAt = newest.Step+1, s.user, s.organization, now
	if o.From.Before(now) {
		o.From = now
	}
	set, err = set.with(ctx, e.cfg, *o)
	if err != nil {
		return nil, fail("POLICY_BUNDLE_REFUSED", err)
	}
	return set, nil
}

// differ reports whether one of a and b speaks for the city authority and the other
// regulates a zone.
func differ(a, b Subject) bool {
	return a.any(registry.RoleCityAuthority) && b.any(registry.RoleZoneRegulator) || a.any(registry.RoleZoneRegulator) && b.any(registry.RoleCityAuthority)
}

// refusedOrder records that an order was refused, and returns why.
func (e *Engine) refusedOrder(ctx context.Context, s Subject, why *Error) error {
	err := e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "policy.refused", Actor: s.user, Fields: map[string]string{"reasons": codesOf(why), "org": s.organization}})
	})
	if err != nil {
		return asError(err)
	}
	return why
}

func policyEvent(kind string, o registry.PolicyOrder, s Subject) registry.Event {
	fields := map[string]string{"order": o.ID, "revision": strconv.FormatInt(o.Revision, 10), "digest": o.Digest, "signer": o.Signer, "org": s.organization}
	if o.Returns() {
		fields["return"] = "true"
	}
	if o.Step > 0 {
		fields["step"], fields["from"] = strconv.FormatInt(o.Step, 10), o.From.UTC().Format(time.RFC3339)
	}
	return registry.Event{Kind: kind, Actor: s.user, Fields: fields}
}

// endAll ends every statement under way.
func (e *Engine) endAll(cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runs {
		r.cancel(cause)
	}
}
