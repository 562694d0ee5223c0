package registry

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// checkSignatures verifies every signature on the document and fills
// c.signers. person tells who somebody is.
//
// A signature counts for one version only. It must be younger than the version
// it helps to replace, so that a text signed long ago does not undo a
// suspension, and it must not have been used before, for the same reason.
func (c *change) checkSignatures(person func(name, path string) (Person, bool)) {
	seen := make(map[string]bool)
	for i, s := range c.doc.Signatures {
		path := fmt.Sprintf("/signatures/%d", i)
		p, ok := person(s.By, path+"/by")
		if c.err != nil {
			return
		}
		if !ok {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, s.At)
		switch {
		case seen[s.By]:
			c.fault(CodeSignature, path, "", say("%s signed twice", "%s 重复签名", s.By))
		case p.Status != personActive:
			c.fault(CodeSignature, path+"/by", "", say("%s is disabled", "%s 已停用", s.By))
		case s.Key != p.SigningKey:
			c.fault(CodeSignature, path+"/key", "", say("this is not the signing key of %s", "不是 %s 登记的签名公钥", s.By))
		case err != nil || !c.doc.Verify(s):
			c.fault(CodeSignature, path+"/sig", "", say("the signature of %s does not fit the document", "%s 的签名与文档不符", s.By))
		case at.After(c.tx.at.Add(c.tx.r.cfg.NonceWindow)):
			c.fault(CodeSignature, path+"/at", "", say("%s signed in the future", "%s 的签名时间在未来", s.By))
		case c.old != nil && at.Before(c.knownFrom()):
			c.fault(CodeSignature, path+"/at", "", say("%s signed before version %d came into force; sign again", "%s 的签名早于第 %d 版生效时间,请重新签名", s.By, c.old.Meta.Version))
		case c.pending == nil && c.used(s):
			c.fault(CodeSignature, path+"/sig", "", say("this signature of %s was used for an earlier version; sign again", "%s 的该签名已用于较早版本,请重新签名", s.By))
		default:
			c.signers = append(c.signers, signer{s.By, at, p})
		}
		seen[s.By] = true
	}
}

// knownFrom returns the time from which on whoever signs the document has seen the
// version in force. What waited for its time was to be seen as soon as it was handed
// in: what is handed in after it, to follow it, need not be signed after it came.
func (c *change) knownFrom() time.Time {
	if c.pending != nil && !c.old.Submitted.IsZero() {
		return c.old.Submitted
	}
	return c.old.Meta.At
}

// inTurn refuses what waited for its time while the document came to say something
// that it does not follow: nothing that was suspended or mended since is undone by
// what was written before.
func (c *change) inTurn() {
	if c.pending == nil || c.old == nil || c.old.Meta.Version == c.pending.Base {
		return
	}
	if c.old.Submitted.IsZero() || c.old.Submitted.After(c.pending.At) {
		c.fault(CodeImmutable, "", "", say("version %d came into force after it was handed in; write it anew", "提交之后第 %d 版已生效,请据以重新提交", c.old.Meta.Version))
	}
}

func (c *change) used(s Signature) bool {
	var one int
	err := c.tx.sql.QueryRowContext(c.tx.ctx, `SELECT 1 FROM signatures WHERE digest = ?`, c.doc.digest(s)).Scan(&one)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		c.err = fmt.Errorf("registry: read signatures: %w", err)
	}
	return err == nil
}

// useSignatures marks the signatures of the document as used by version; 0 is one
// that is pending.
func (c *change) useSignatures(version int64) error {
	for _, s := range c.doc.Signatures {
		if c.pending != nil {
			_, err := c.tx.sql.ExecContext(c.tx.ctx, `UPDATE signatures SET version = ? WHERE digest = ?`, version, c.doc.digest(s))
			if err != nil {
				return fmt.Errorf("registry: store signatures of %s %s: %w", c.doc.Kind, c.doc.Name, err)
			}
			continue
		}
		_, err := c.tx.sql.ExecContext(c.tx.ctx, `INSERT INTO signatures (digest, kind, name, version) VALUES (?, ?, ?, ?)`,
			c.doc.digest(s), c.doc.Kind, c.doc.Name, version)
		if err != nil {
			return fmt.Errorf("registry: store signatures of %s %s: %w", c.doc.Kind, c.doc.Name, err)
		}
	}
	return nil
}

// knownPerson finds signers among the people in the registry.
func (c *change) knownPerson(name, path string) (Person, bool) {
	return ref[Person](c, KindPerson, name, path)
}
