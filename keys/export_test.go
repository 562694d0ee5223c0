package keys

import (
	"os"
	"time"
)

// RealCost is what new folders get outside of tests.
var RealCost = newCost

// OnSync calls do with the path of each file or folder before it is made durable,
// which fails if do does, and returns a function that ends it.
func OnSync(do func(path string) error) (restore func()) {
	syncFile = func(f *os.File) error {
		if err := do(f.Name()); err != nil {
			return err
		}
		return f.Sync()
	}
	return func() { syncFile = (*os.File).Sync }
}

// Cheap makes passphrase guesses of new folders cost next to nothing and returns
// a function that restores the real cost.
func Cheap() (restore func()) {
	old := newCost
	newCost = cost{Time: 1, Memory: 64, Lanes: 1}
	return func() { newCost = old }
}

// SetNow gives a folder another clock.
func SetNow(f *Folder, now func() time.Time) { f.now = now }
