package query

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/registry"
)

// witnessedFile holds the longest checkpoint of the log that an auditor cosigned,
// for whoever verifies the folder without its keys.
const witnessedFile = "witnessed.note"

// Witnessed returns the longest checkpoint of a domain's log that an auditor
// cosigned, as its folder tells; nil if it tells of none.
func Witnessed(domain string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(domain, witnessedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("query: read witnessed checkpoint: %w", err)
	}
	return b, nil
}

// WitnessName is by which a person cosigns checkpoints of a domain's log.
func WitnessName(domain, user string) string { return domain + "/" + user }

// LogExtension is the newest checkpoint of the log with the proof that it continues
// an earlier one, and what of it was witnessed.
type LogExtension struct {
	audit.Extension
	Witnessed []WitnessedView `json:"witnessed"` // the longest first
}

// WitnessedView tells of a checkpoint that an auditor cosigned.
type WitnessedView struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Size uint64    `json:"size"`
	Root string    `json:"root"`
}

// Extension returns the newest checkpoint of the log and the proof that it continues
// that of from entries. It is for those who supervise.
func (e *Engine) Extension(_ context.Context, s Subject, from uint64) (*LogExtension, error) {
	if !s.any(registry.RoleAuditor, registry.RoleSecurity, registry.RoleZoneRegulator, registry.RoleCityAuthority) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	x, err := audit.Extend(AuditDir(e.cfg.Domain), from)
	if err != nil {
		return nil, asError(err)
	}
	w, err := e.keys.Witness()
	if err != nil {
		return nil, asError(err)
	}
	out := &LogExtension{x, []WitnessedView{}}
	for _, c := range w.Cosigned {
		out.Witnessed = append(out.Witnessed, viewOf(c))
	}
	return out, nil
}

func viewOf(c keys.Cosigned) WitnessedView { return WitnessedView{c.By, c.At, c.Size, c.Root} }

// Cosign takes a checkpoint that an auditor cosigned. From then on the domain does
// not start on a log that does not continue it. It refuses what another cosigned,
// what is older than the auditor's last, and what is not of this log, of which the
// log then tells.
func (e *Engine) Cosign(ctx context.Context, s Subject, checkpoint []byte) (*WitnessedView, error) {
	if !s.any(registry.RoleAuditor) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	e.witness.Lock()
	defer e.witness.Unlock()
	w, err := e.keys.Witness()
	if err != nil {
		return nil, asError(err)
	}
	next, err := e.cosigned(ctx, s.user, checkpoint)
	if err != nil {
		return nil, err
	}
	mine := slices.IndexFunc(w.Cosigned, func(c keys.Cosigned) bool { return c.By == s.user })
	if mine >= 0 {
		switch last := w.Cosigned[mine]; {
		case last == next:
			view := viewOf(last)
			return &view, nil
		case next.Size < last.Size || next.At.Before(last.At):
			return nil, fail("WITNESS_REFUSED", nil).because("早于该审计员上一次见证", "it is older than what this auditor cosigned last")
		}
	}
	if err := e.continues(next); isBroken(err) {
		if err := e.update(ctx, func(tx *registry.Tx) error {
			return tx.Emit(registry.Event{Kind: kindConflict, Actor: s.user, Fields: map[string]string{"entries": fmt.Sprint(next.Size), "root": next.Root}})
		}); err != nil {
			return nil, asError(err)
		}
		return nil, fail("WITNESS_CONFLICT", err)
	} else if err != nil {
		return nil, asError(err)
	}
	// That the log grew by the entry of the last time is not told again.
	if mine < 0 || next.Size > w.Cosigned[mine].Size+1 {
		err = e.update(ctx, func(tx *registry.Tx) error {
			return tx.Emit(registry.Event{Kind: "audit.witnessed", Actor: s.user, Fields: map[string]string{"entries": fmt.Sprint(next.Size), "root": next.Root}})
		})
		if err != nil {
			return nil, asError(err)
		}
	}
	if mine >= 0 {
		w.Cosigned = slices.Delete(w.Cosigned, mine, mine+1)
	}
	w.Cosigned = append(w.Cosigned, next)
	slices.SortStableFunc(w.Cosigned, func(a, b keys.Cosigned) int { return int(b.Size) - int(a.Size) })
	w.Origin, w.Size = e.info.ID, max(w.Size, next.Size)
	if err := e.keys.Remember(w); err != nil {
		return nil, asError(err)
	}
	if err := e.showWitnessed(w.Cosigned); err != nil {
		return nil, asError(err)
	}
	view := viewOf(next)
	return &view, nil
}

// cosigned reads a checkpoint that a person cosigned now by the key the registry
// knows as theirs.
func (e *Engine) cosigned(ctx context.Context, user string, checkpoint []byte) (keys.Cosigned, error) {
	p, err := e.registry.Person(ctx, user)
	if err != nil {
		return keys.Cosigned{}, asError(err)
	}
	key, err := base64.StdEncoding.DecodeString(p.SigningKey)
	if err != nil {
		return keys.Cosigned{}, asError(err)
	}
	_, verifier, err := e.keys.AuditSigner(e.info.ID)
	if err != nil {
		return keys.Cosigned{}, asError(err)
	}
	head, at, err := audit.Cosigned(checkpoint, verifier, audit.Cosigner{Name: WitnessName(e.info.ID, user), Key: key})
	if err != nil {
		return keys.Cosigned{}, fail("WITNESS_REFUSED", err).because("不是本日志的检查点与该审计员的见证签名", "it is not a checkpoint of this log with this auditor's cosignature")
	}
	if age := e.cfg.Now().Sub(at); age > orderSkew || age < -orderSkew {
		return keys.Cosigned{}, fail("WITNESS_REFUSED", nil).because("见证时间与网关时钟相差过大", "its time is too far from the gate's clock")
	}
	return keys.Cosigned{By: user, Key: p.SigningKey, Size: head.Size, Root: head.Root, At: at, Checkpoint: string(checkpoint)}, nil
}

// continues returns an *audit.BrokenError unless the log continues c.
func (e *Engine) continues(c keys.Cosigned) error {
	_, verifier, err := e.keys.AuditSigner(e.info.ID)
	if err != nil {
		return err
	}
	return audit.Holds(AuditDir(e.cfg.Domain), verifier, audit.Head{Size: c.Size, Root: c.Root})
}

func isBroken(err error) bool {
	var b *audit.BrokenError
	return errors.As(err, &b)
}

// unwitnessed returns the first of the cosigned checkpoints, those of the key folder
// and that of the domain folder, which the log does not continue; nil if it continues
// all.
func (e *Engine) unwitnessed(w keys.Witness) (*keys.Cosigned, error) {
	if w.Origin != e.info.ID {
		return nil, nil
	}
	all := w.Cosigned
	b, err := Witnessed(e.cfg.Domain)
	if err != nil {
		return nil, err
	}
	if b != nil {
		_, verifier, err := e.keys.AuditSigner(e.info.ID)
		if err != nil {
			return nil, err
		}
		head, err := audit.SignedHead(b, verifier)
		if err != nil {
			return nil, fmt.Errorf("query: open domain: %s: %w", witnessedFile, err)
		}
		all = append(slices.Clone(all), keys.Cosigned{By: "an auditor", Size: head.Size, Root: head.Root})
	}
	for _, c := range all {
		if err := e.continues(c); isBroken(err) {
			return &c, nil
		} else if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// lostWitnessed is the error of a log that does not continue c.
func (e *Engine) lostWitnessed(c *keys.Cosigned, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("query: open domain: %w: the log does not continue the checkpoint of %d entries that %s cosigned; restore the newest log and registry", ErrRollback, c.Size, c.By)
}

// showWitnessed writes the longest of the cosigned checkpoints into the domain folder.
func (e *Engine) showWitnessed(all []keys.Cosigned) error {
	if len(all) == 0 {
		return nil
	}
	longest := slices.MaxFunc(all, func(a, b keys.Cosigned) int { return int(a.Size) - int(b.Size) })
	if b, err := Witnessed(e.cfg.Domain); err != nil || string(b) == longest.Checkpoint {
		return err
	}
	return writeDurable(filepath.Join(e.cfg.Domain, witnessedFile), []byte(longest.Checkpoint))
}
