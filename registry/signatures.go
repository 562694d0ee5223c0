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
		case c.old != nil && at.Before(c.old.Meta.At):
			c.fault(CodeSignature, path+"/at", "", say("%s signed before version %d came into force; sign again", "%s 的签名早于第 %d 版生效时间,请重新签名", s.By, c.old.Meta.Version))
		case c.used(s):
			c.fault(CodeSignature, path+"/sig", "", say("this signature of %s was used for an earlier version; sign again", "%s 的该签名已用于较早版本,请重新签名", s.By))
		default:
			c.signers = append(c.signers, signer{s.By, at, p})
		}
		seen[s.By] = true
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

// useSignatures marks the signatures of the document as used by version.
func (c *change) useSignatures(version int64) error {
	for _, s := range c.doc.Signatures {
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
