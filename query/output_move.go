package query

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"zonebox/registry"
	"zonebox/workflow"
)

// outputMoves are the moves that end the way of an output, with the events they make.
var outputMoves = map[string]string{"recall": "output.recalled", "freeze": "output.frozen"}

// MoveOutput recalls an output that was released, or freezes one that waits: the first
// is collected no more, and its requester sees by whom and why in the run's course;
// the second is never taken up again (4.4). What somebody has collected is in their
// hands; the record says that it was called back. A basis is needed.
func (e *Engine) MoveOutput(ctx context.Context, s Subject, run, move, basis string) (*ReviewItem, error) {
	kind, ok := outputMoves[move]
	if !ok {
		return nil, BadRequest("move 须为 recall 或 freeze", "move must be recall or freeze")
	}
	if strings.TrimSpace(basis) == "" || len(basis) > 2000 {
		return nil, BadRequest("须说明依据(--basis,不超过 2000 字节)", "say on what basis (--basis, at most 2000 bytes)")
	}
	m := workflow.OutputRelease
	if !slices.ContainsFunc(m.Moves, func(mv workflow.Move) bool { return mv.Name == move && s.any(mv.Roles...) }) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	in, err := e.instance(ctx, m, run)
	if errors.Is(err, workflow.ErrNotFound) || err == nil && !s.any(registry.RoleCityAuthority, registry.RoleDataCentre) &&
		!s.party(in, registry.RoleZoneRegulator) && !s.party(in, registry.RoleProvider) {
		return nil, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return nil, asError(err)
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		if in, err = workflow.Get(tx.Context(), tx.SQL(), m, run); err != nil {
			return courseError(err)
		}
		i := slices.IndexFunc(m.Moves, func(mv workflow.Move) bool { return mv.Name == move })
		role := ""
		for _, r := range m.Moves[i].Roles { // as the workflow picks it
			if s.any(r) && (s.party(in, r) || r == registry.RoleCityAuthority || r == registry.RoleDataCentre) {
				role = r
				break
			}
		}
		sealed, err := e.registry.Seal("basis", basisID(m, in, workflow.Step{Move: move, User: s.user, Org: s.organization, Role: role}), []byte(basis))
		if err != nil {
			return err
		}
		actor := workflow.Actor{User: s.user, Org: s.organization, Roles: s.roles}
		to, err := workflow.Do(tx.Context(), tx.SQL(), m, run, move, actor, tx.Now(), workflow.Note{Text: sealed})
		if err != nil {
			return courseError(err)
		}
		in.State = to
		return tx.Emit(registry.Event{Kind: kind, Actor: s.user, Run: run, Fields: map[string]string{"state": string(to), "role": role, "org": s.organization}})
	})
	if err != nil {
		return nil, asError(err).of(run)
	}
	if move == "freeze" {
		e.blockNow(ctx)
	}
	if move == "recall" {
		if err := os.Remove(e.artifactFile(run)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, asError(err).of(run)
		}
	}
	item, err := e.reviewItem(ctx, stageOutput, in)
	if err != nil {
		return nil, asError(err)
	}
	return &item, nil
}
