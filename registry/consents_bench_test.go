package registry_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"zonebox/registry"
)

// BenchmarkReadConsents reads the consents to a scope of a million people: all of
// them, as after a start; what came since one withdrawal; and since an import of
// 10,000 more. "valid" is finding out who consents among what was read.
func BenchmarkReadConsents(b *testing.B) {
	const people = 1_000_000
	c := &clock{time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	r, err := registry.Open(b.Context(), filepath.Join(b.TempDir(), "registry.db"), registry.Config{AEAD: newAEAD(b), Now: c.now})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	bring := func(name string, from, n int) {
		batch := &registry.ConsentBatch{Name: name, Scope: flu, Digest: name, By: "dave", Org: "centre"}
		update := func(f func(*registry.Tx) error) {
			b.Helper()
			if err := r.Update(b.Context(), f); err != nil {
				b.Fatal(err)
			}
		}
		update(func(tx *registry.Tx) error { return tx.BeginConsents(batch) })
		for at := 0; at < n; at += 10_000 {
			var all []registry.SubjectConsent
			for i := range 10_000 {
				s := registry.SubjectConsent{Given: c.now().Add(-time.Hour), From: c.now().Add(-time.Hour), Until: c.now().Add(time.Hour),
					Evidence: registry.ConsentEvidence{Kind: "FORM", Date: "2026-03-01", SHA256: "00"}}
				binary.BigEndian.PutUint64(s.Subject[:], uint64(from+at+i)*0x9e3779b97f4a7c15)
				all = append(all, s)
			}
			update(func(tx *registry.Tx) error { _, err := tx.AddConsents(batch, all); return err })
		}
		update(func(tx *registry.Tx) error { _, err := tx.ActivateConsents(batch, int64(n)); return err })
	}
	read := func(known *registry.ConsentReading) *registry.ConsentReading {
		got, err := r.ReadConsents(b.Context(), flu, known)
		if err != nil {
			b.Fatal(err)
		}
		return got
	}
	bring("first", 0, people)
	var known *registry.ConsentReading
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			known = read(nil)
		}
	})
	b.Run("withdrawn", func(b *testing.B) {
		n := 0
		for b.Loop() {
			b.StopTimer()
			var s [16]byte
			binary.BigEndian.PutUint64(s[:], uint64(n)*0x9e3779b97f4a7c15)
			n++
			if err := r.Update(b.Context(), func(tx *registry.Tx) error { _, _, err := tx.WithdrawConsents(flu, [][16]byte{s}); return err }); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			known = read(known)
		}
	})
	b.Run("imported", func(b *testing.B) {
		n := 0
		for b.Loop() {
			b.StopTimer()
			bring(fmt.Sprint("more-", n), people+n*10_000, 10_000)
			n++
			b.StartTimer()
			known = read(known)
		}
	})
	b.Run("valid", func(b *testing.B) {
		for b.Loop() {
			n := 0
			known.Valid(c.now(), func([16]byte) { n++ })
			if n < people-b.N-1000 {
				b.Fatalf("%d people", n)
			}
		}
	})
}
