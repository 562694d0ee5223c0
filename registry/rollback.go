package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// reasonFields names the field of a kind that says why a version changes something.
var reasonFields = map[string]string{KindDataset: "change_reason", KindNegativeList: "change_reason", KindRetention: "reason"}

// Earlier returns the document that makes an earlier version the newest, unsigned: its
// content, with the status of now, so that nothing that was suspended or ended resumes,
// and the reason where its kind has a place for one.
func Earlier(old, now Document, reason string) (Document, error) {
	var spec, current map[string]json.RawMessage
	if json.Unmarshal(old.Spec, &spec) != nil || json.Unmarshal(now.Spec, &current) != nil {
		return Document{}, fmt.Errorf("registry: roll back %s %s: not of that kind", now.Kind, now.Name)
	}
	for _, f := range statusFields {
		delete(spec, f)
		if v, ok := current[f]; ok {
			spec[f] = v
		}
	}
	if field, ok := reasonFields[now.Kind]; ok {
		text, err := json.Marshal(reason)
		if err != nil {
			return Document{}, fmt.Errorf("registry: roll back %s %s: %w", now.Kind, now.Name, err)
		}
		spec[field] = text
	}
	body, err := json.Marshal(spec)
	if err != nil {
		return Document{}, fmt.Errorf("registry: roll back %s %s: %w", now.Kind, now.Name, err)
	}
	return Document{Kind: now.Kind, Name: now.Name, Spec: body}, nil
}

// RollBack applies doc, which must be Earlier of the version to, signed by those whose
// kind it is, as Apply does: what lowers protection is judged as that. One event
// "document.rolledback" goes with it.
func (r *Registry) RollBack(ctx context.Context, by string, doc Document, to int64, reason string) ([]Applied, error) {
	if err := checkShapes([]Document{doc}); err != nil {
		return nil, err
	}
	var done []Applied
	err := r.Update(ctx, func(tx *Tx) error {
		now, err := tx.r.get(ctx, tx.sql, doc.Kind, doc.Name)
		if err != nil {
			return err
		}
		all, err := tx.r.documents(ctx, tx.sql, `WHERE kind = ? AND name = ? AND version = ? AND version < ?`, doc.Kind, doc.Name, to, now.Meta.Version)
		if err == nil && len(all) == 0 {
			err = fmt.Errorf("registry: roll back %s %s to %d: %w", doc.Kind, doc.Name, to, ErrNotFound)
		}
		if err != nil {
			return err
		}
		want, err := Earlier(all[0].Document, now.Document, reason)
		if err != nil {
			return err
		}
		plain := doc
		plain.Effective = ""
		if !bytes.Equal(plain.Payload(), want.Payload()) {
			t := say("is not version %d with the status of now and that reason; draw it up again (rollback --draft) and have it signed", "与第 %d 版(保留现行状态并写明理由)不符;请用 rollback --draft 重新生成并签署", to)
			return &Refusal{[]Fault{{CodeImmutable, doc.Kind, doc.Name, "/spec", t.zh, t.en, ""}}}
		}
		if done, err = tx.Apply(by, []Document{doc}); err != nil {
			return err
		}
		return tx.Emit(Event{Kind: "document.rolledback", Actor: by, Fields: map[string]string{
			"kind": doc.Kind, "name": doc.Name, "from": strconv.FormatInt(now.Meta.Version, 10), "to": strconv.FormatInt(to, 10), "reason": clip(reason)}})
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return done, nil
}
