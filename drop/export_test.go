package drop

import (
	"encoding/json"
	"path"
)

// Interrupted begins to move a delivery that was loaded, with its receipt
// written, and stops after so many files.
func Interrupted(f *Folder, d *Delivery, id string, after int) error {
	m := move{To: path.Join(Done, id)}
	for _, p := range d.parts {
		m.Parts = append(m.Parts, moved{p.name, numberOf(p.info)})
	}
	text, err := json.Marshal(m)
	if err == nil {
		err = f.folder(m.To)
	}
	if err == nil {
		err = f.write(path.Join(pending, id+".json"), text)
	}
	for _, p := range d.parts[:after] {
		if err == nil {
			err = f.root.Rename(p.name, path.Join(m.To, p.name))
		}
	}
	return err
}

// Lock is the descriptor of the folder's lock.
func Lock(f *Folder) int { return int(f.lock.Fd()) }
