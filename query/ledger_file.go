package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zonebox/keys"
	"zonebox/registry"
)

// store writes what is reserved. The registry is to say so in the transaction that
// settles the output.
func (l reserved) store(e *Engine) error {
	for _, entry := range l {
		if err := writeDurable(e.ledgerFile(entryFile(entry.Run, entry.Dataset)), entry.file); err != nil {
			return err
		}
	}
	return nil
}

// digest is over the digests of all that is reserved, "" if that is nothing.
func (l reserved) digest() string {
	var all []registry.LedgerEntry
	for _, entry := range l {
		all = append(all, entry.LedgerEntry)
	}
	return ledgerDigest(all)
}

func ledgerDigest(all []registry.LedgerEntry) string {
	if len(all) == 0 {
		return ""
	}
	var lines []string
	for _, entry := range all {
		lines = append(lines, entry.Zone+" "+entry.Dataset+" "+entry.Digest)
	}
	slices.Sort(lines)
	return ledgerSum([]byte(strings.Join(lines, "\n")))
}

func ledgerSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sealLedger encrypts a file of the ledger. Its keys end with the zone.
func (e *Engine) sealLedger(zoneName, name string, text []byte) ([]byte, error) {
	space := keys.Ledger(zoneName)
	sealed, err := e.keys.Seal(space, text, ledgerContext(name))
	if !errors.Is(err, keys.ErrNoKey) {
		return sealed, err
	}
	if err := e.keys.CreateZone(space); err != nil && !errors.Is(err, keys.ErrExists) {
		return nil, fmt.Errorf("query: ledger of %s: %w", zoneName, err)
	}
	return e.keys.Seal(space, text, ledgerContext(name))
}

// openLedger reads a file of the ledger of which the registry holds the digest.
func (e *Engine) openLedger(zoneName, name, digest string) ([]byte, error) {
	file, err := os.ReadFile(e.ledgerFile(name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLedger, err)
	}
	if ledgerSum(file) != digest {
		return nil, fmt.Errorf("%w: %s", errLedger, name)
	}
	text, err := e.keys.Unseal(keys.Ledger(zoneName), file, ledgerContext(name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLedger, err)
	}
	return text, nil
}

// sweepLedger removes files of outputs that were never stored or ended, and of lineages
// that were not.
func (e *Engine) sweepLedger(ctx context.Context) error {
	keep := map[string]bool{}
	err := e.eachLedgerFile(ctx, func(name, _ string, void bool) { keep[name] = !void })
	if err != nil {
		return err
	}
	return e.sweepFolder(filepath.Join(e.cfg.Domain, ledgerDir), ledgerSuffix, keep, func(id string) error { return os.Remove(e.ledgerFile(id)) })
}

// endLedger removes the ledger of a zone, whose keys are destroyed.
func (e *Engine) endLedger(ctx context.Context, zoneName string) error {
	var files []string
	err := e.eachLedgerFile(ctx, func(name, zone string, _ bool) {
		if zone == zoneName {
			files = append(files, name)
		}
	})
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := os.Remove(e.ledgerFile(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("query: end ledger of %s: %w", zoneName, err)
		}
	}
	return nil
}

// eachLedgerFile calls f with the name of every file of the ledgers that the registry
// knows, and the zone it is of; void is that of an output that never left.
func (e *Engine) eachLedgerFile(ctx context.Context, f func(name, zone string, void bool)) error {
	entries, err := e.registry.LedgerEntries(ctx, "", "")
	if err != nil {
		return err
	}
	lineages, err := e.registry.LedgerLineages(ctx, "", "")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		f(entryFile(entry.Run, entry.Dataset), entry.Zone, entry.State == registry.LedgerVoid)
	}
	for _, l := range lineages {
		f(l.File, l.Zone, false)
	}
	return nil
}
