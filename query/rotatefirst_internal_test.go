package query

import (
	"path/filepath"
	"testing"

	"zonebox/zone"
)

// A zone whose key is older than SM4 takes no SM4 data before it is rotated, and
// whoever loads is told so.
func TestAKeyOfBeforeSM4IsRotatedFirst(t *testing.T) {
	folder := oldFolder(t)
	store, err := zone.New(zone.Config{Dir: filepath.Join(t.TempDir(), "zones"), Wrapper: folder, Signer: folder.Signer()})
	if err != nil {
		t.Fatal(err)
	}
	begin := func(s zone.Suite) string {
		l, err := store.Begin(zone.Spec{Zone: "medical", Dataset: "beds", Suite: s, Columns: []zone.ColumnSpec{{Name: "beds", Type: "int64"}}})
		if err != nil {
			return asError(err).Code
		}
		if err := l.Abort(); err != nil {
			t.Error(err)
		}
		return ""
	}
	if got := begin(zone.AES256GCM); got != "" {
		t.Errorf("AES = %s", got)
	}
	if got := begin(zone.SM4GCM); got != "KEY_ROTATE" {
		t.Errorf("SM4 before a rotation = %q, want KEY_ROTATE", got)
	}
	if _, err := folder.RotateZone("medical"); err != nil {
		t.Fatal(err)
	}
	if got := begin(zone.SM4GCM); got != "" {
		t.Errorf("SM4 after it = %s", got)
	}
}
