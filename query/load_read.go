package query

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/policy"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/zone"
)

// An observer sees every row of a delivery once, in order, before the store has
// it. Its first error ends the load. It keeps no reference to a batch, and what it
// says holds positions and counts, never a value.
type observer interface {
	Add(arrow.RecordBatch) error
}

// delivered is a delivery that was read to its end and is not in force yet.
type delivered struct {
	stored *zone.Load
	found  policy.Receipt
	entry  int64 // version of the catalogue entry it was read by
	bytes  int64 // of the file as delivered
	abort  func()

	already bool // it is the version in use; nothing was stored
}

// read has the worker parse the file, and hands what it yields to the observers
// and to the store.
func (l *loading) read(data io.Reader) (*delivered, error) {
	spec, columns, err := l.shape()
	if err != nil {
		return nil, err
	}
	stored, err := l.engine.store.Begin(spec)
	if err != nil {
		return nil, err
	}
	d := &delivered{stored: stored, entry: l.dataset.Version, abort: func() {
		if err := stored.Abort(); err != nil {
			l.engine.log.ErrorContext(l.ctx, "abort load", "dataset", l.manifest.Dataset, "cause", err)
		}
	}}
	if err = l.measuring(stored); err == nil {
		err = l.watching()
	}
	if err != nil {
		d.abort()
		return nil, err
	}
	in, sum, end, err := l.delivery(data, columns, (*counter)(&d.bytes))
	if err != nil {
		d.abort()
		return nil, err
	}
	defer end()
	observers := l.observers()
	if in.Source == nil {
		observers = append(observers, rowDigest{sum})
	}
	rows, err := l.pass(stored, in, observers)
	if err == nil && in.Source != nil {
		_, err = io.Copy(io.Discard, in.Source) // the digest is of the whole file
	}
	if err == nil {
		err = stored.Complete(l.ctx)
	}
	if err == nil {
		err = l.measured()
	}
	if err != nil {
		d.abort()
		return nil, err
	}
	l.repeated()
	d.found = policy.Receipt{Grant: l.manifest.Grant, SchemaSHA256: l.dataset.Spec.SchemaSHA256(), Rows: rows, Digest: hex.EncodeToString(sum.Sum(nil))}
	return d, nil
}

// counter counts the bytes written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// standing reports whether the manifest is that of the version in use, of which
// nothing was shredded, and the entry the one that it was loaded by.
func (l *loading) standing() bool {
	now := l.dataset.Data
	if now == nil || l.increment() || l.manifest.Source != "" || now.State != registry.DataCurrent ||
		len(now.Shredded) > 0 || now.Catalogue != l.dataset.Version {
		return false
	}
	var r loadRecord
	err := json.Unmarshal(now.Meta, &r)
	return err == nil && r.Manifest != "" && r.Manifest == l.manifest.digest() && now.Lineage.Delivery == l.manifest.SHA256
}

// compare makes sure that the file is the one the manifest speaks of, without
// parsing it: its rows are in use already.
func (l *loading) compare(data io.Reader) (*delivered, error) {
	d := &delivered{already: true, entry: l.dataset.Version, abort: func() {}}
	sum := sha256.New()
	n, err := io.Copy(sum, data)
	if err != nil {
		return nil, err
	}
	d.bytes, d.found = n, l.claimed()
	d.found.Rows, d.found.Digest = l.dataset.Data.Rows, hex.EncodeToString(sum.Sum(nil))
	return d, nil
}

// shape returns the columns of the entry as the store and the worker take them.
func (l *loading) shape() (zone.Spec, []sandbox.Column, error) {
	spec := zone.Spec{Zone: l.manifest.Zone, Dataset: l.manifest.Dataset, Titles: map[string]string{},
		Suite: zone.Suite(l.facts.Zone.Spec.StorageAlgorithm)}
	if l.dataset.Spec.Entity != nil {
		spec.Entity = l.dataset.Spec.Entity.Column
	}
	spec.Key, spec.Base = l.dataset.Spec.Key, l.base()
	var columns []sandbox.Column
	for _, c := range l.dataset.Spec.Columns {
		t, err := engineType(c.Type)
		if err != nil {
			return spec, nil, err
		}
		columns = append(columns, sandbox.Column{Name: c.Name, Type: t})
		spec.Columns = append(spec.Columns, zone.ColumnSpec{Name: c.Name, Type: c.Type})
		spec.Titles[c.Name] = c.Title
	}
	return spec, columns, nil
}

// observers returns who sees the rows of the delivery, in the order in which they
// see them.
func (l *loading) observers() []observer {
	all := []observer{newPromises(l.dataset.Spec), l.watch}
	if !l.increment() {
		all = append(all, l.check)
	}
	return all
}

// tooManyRows is how many rows beyond the manifest's end a load at once, before
// they fill a disk. Fewer are counted to the end, and policy says what is wrong.
const tooManyRows = 1 << 17

// pass moves the worker's batches past the observers into the store and returns
// the rows.
func (l *loading) pass(stored *zone.Load, d sandbox.Delivery, observers []observer) (rows int64, err error) {
	result, err := l.worker.Read(l.ctx, d)
	if err != nil {
		return 0, err
	}
	counted := l.manifest.Source != "" && l.manifest.Rows == 0
	one := func(batch arrow.RecordBatch) error {
		defer batch.Release()
		if rows > l.manifest.Rows+tooManyRows && !counted {
			return refused("行数远超清单所载,已停止读取", "far more rows than the manifest says; reading stopped", "NJ24-20")
		}
		for _, o := range observers {
			if err := o.Add(batch); err != nil {
				return err
			}
		}
		rows += batch.NumRows()
		l.book.rows.Store(rows)
		return stored.Append(batch)
	}
	for {
		batch, err := result.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err == nil {
			err = one(batch)
		}
		if err != nil {
			return rows, err
		}
	}
}

// reconcile makes sure that person, grant and catalogue are still those under
// which the file was read: reading took its time.
func (l *loading) reconcile(d *delivered) error {
	if err := l.enter(); err != nil {
		return err
	}
	if err := l.contract(); err != nil {
		return err
	}
	if l.dataset.Version != d.entry {
		return refused("装载期间目录条目已更新", "the catalogue entry changed while the delivery was read", "NJ24-15")
	}
	if d.already {
		if !l.standing() {
			return refused("装载期间现行数据版本已变更,请重新装载", "the data version in use changed while the delivery was compared: load it again", "NJ24-15")
		}
		return nil
	}
	return l.stillMeasured()
}
