package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Snapshot calls file with the path, below the log's folder, of each file that a
// copy of the log takes, and returns the entries that the copy will have. Entries
// can be appended meanwhile; they are not in the copy.
//
// It begins with what never changes any more. Then it waits until everything that
// was appended is under a checkpoint, holds the tree as it is, calls between, and
// goes on with the rest: the copy has what was appended before between was called,
// and perhaps what came beside it, if the caller lets anything. A file that is
// gone when file opens it was needed no more: it returns fs.ErrNotExist then.
func (l *Log) Snapshot(ctx context.Context, between func() error, file func(path string) error) (size uint64, err error) {
	done := map[string]bool{}
	if err := l.copied(done, true, file); err != nil {
		return 0, fmt.Errorf("audit: snapshot: %w", err)
	}
	if err := l.awaitCheckpoint(ctx); err != nil {
		return 0, fmt.Errorf("audit: snapshot: %w", err)
	}
	l.feeding.Lock()
	defer l.feeding.Unlock()
	l.mu.RLock()
	size = l.treeSize()
	l.mu.RUnlock()
	if err := between(); err != nil {
		return 0, err
	}
	if err := l.copied(done, false, file); err != nil {
		return 0, fmt.Errorf("audit: snapshot: %w", err)
	}
	return size, nil
}

// copied hands over the files that are not done: full tiles, or all.
func (l *Log) copied(done map[string]bool, full bool, file func(path string) error) error {
	return filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(l.dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == tailFolder {
				return fs.SkipDir
			}
			return nil
		}
		t, isTile := parseTile(rel)
		if done[rel] || temporary.MatchString(rel) && !isTile || full && (!isTile || t.width < tileWidth) {
			return nil
		}
		done[rel] = true
		if err := file(rel); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}
