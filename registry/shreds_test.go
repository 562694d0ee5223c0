package registry_test

import (
	"errors"
	"testing"

	"zonebox/registry"
)

// An order says by its sealed body how far it has come: whoever may write the file
// neither confirms it nor calls it done.
func TestAnOrderToShredIsBoundToItsState(t *testing.T) {
	for what, statement := range map[string]string{
		"the state": `UPDATE shreds SET state = 'DONE'`,
		"the id":    `UPDATE shreds SET id = 'shred-2'`,
	} {
		w := catalogued(t)
		order := registry.Shred{ID: "shred-1", State: registry.ShredOrdered, Kind: registry.ShredZone, Zone: "medical", OrderedBy: "dave"}
		if err := w.Update(t.Context(), func(tx *registry.Tx) error { return tx.PutShred(order) }); err != nil {
			t.Fatal(err)
		}
		if all, err := w.Shreds(t.Context()); err != nil || len(all) != 1 || all[0].State != registry.ShredOrdered {
			t.Fatalf("control: %+v, %v", all, err)
		}
		w.exec(statement)
		if _, err := w.Shreds(t.Context()); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("%s changed: Shreds = %v, want ErrCorrupt", what, err)
		}
		for _, id := range []string{"shred-1", "shred-2"} {
			if _, err := w.Shred(t.Context(), id); !errors.Is(err, registry.ErrCorrupt) && !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("%s changed: Shred %s = %v", what, id, err)
			}
		}
	}
}
