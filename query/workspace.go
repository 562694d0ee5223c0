package query

import (
	"errors"
	"fmt"

	"zonebox/keys"
	"zonebox/registry"
)

// workspaces seal what organizations made: statements, results that are held,
// artifacts. Each has a space of its own, whose keys are made at first use and end
// with a shred of the workspace.
type workspaces struct{ keys *keys.Folder }

// Seal implements registry.Workspaces.
func (w workspaces) Seal(organization string, plaintext, aad []byte) ([]byte, error) {
	space := keys.Workspace(organization)
	sealed, err := w.keys.Seal(space, plaintext, aad)
	if !errors.Is(err, keys.ErrNoKey) {
		return sealed, err
	}
	if err := w.make(organization); err != nil {
		return nil, err
	}
	return w.keys.Seal(space, plaintext, aad)
}

// make gives a workspace keys unless it has some.
func (w workspaces) make(organization string) error {
	if err := w.keys.CreateZone(keys.Workspace(organization)); err != nil && !errors.Is(err, keys.ErrExists) {
		return fmt.Errorf("query: workspace of %s: %w", organization, err)
	}
	return nil
}

// Open implements registry.Workspaces.
func (w workspaces) Open(organization string, sealed, aad []byte) ([]byte, error) {
	plain, err := w.keys.Unseal(keys.Workspace(organization), sealed, aad)
	if errors.Is(err, keys.ErrNoKey) {
		return nil, fmt.Errorf("query: workspace of %s: %w: %w", organization, registry.ErrShredded, err)
	}
	return plain, err
}

// artifactContext binds the file of an artifact to its run.
func artifactContext(run string) []byte { return []byte("zonebox artifact at rest 1 " + run) }

// workspace is the organization in whose workspace lies what a run asks and makes: the
// operator's, of a partner's run too, so that it ends with the operator's.
func (r *run) workspace() string { return r.facts.License.Spec.Operator }

// newHold makes the key of a held output in the workspace of its run.
func (e *Engine) newHold(r *run) (*keys.HoldKey, error) {
	if err := e.workspaces().make(r.workspace()); err != nil {
		return nil, err
	}
	return e.keys.NewHoldIn(keys.Workspace(r.workspace()), r.id)
}

func (e *Engine) workspaces() workspaces { return workspaces{e.keys} }
