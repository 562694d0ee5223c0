package query

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"

	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/zone"
)

// attachFiles is how many columns are held at once on their way to a worker:
// enough to keep the processors busy, few beside what may be attached.
const attachFiles = 32

// project attaches one table: raw columns, row scope and masks in the zone
// package, sealed memory here. Whoever comes here may have every column of the
// projection, in the form it says: only then the cache is asked. What finds no
// room beside the rest of the statement's tables is announced, and made past the
// cache each time a scan comes to it.
func (w *worker) project(t sandbox.Table) error {
	p, err := w.projection(t)
	if err != nil {
		return err
	}
	tag := sandbox.Tag{Zone: p.Zone, Dataset: p.Dataset}
	attached := false
	var pieces []*zone.Piece
	var streamed []sandbox.Streamed
	flush := func() error {
		attached = true
		err := w.attachPieces(t, tag, pieces)
		pieces = nil
		return err
	}
	for piece, err := range w.engine.store.Project(w.ctx, p) {
		if err != nil {
			return w.engine.storeError(err)
		}
		w.given[t.Name] = append(w.given[t.Name], piece.Segment)
		if w.session.Room() == 0 {
			streamed = append(streamed, sandbox.Streamed{Rows: int64(piece.Rows), Open: func() (sandbox.Segment, error) { return w.seal(piece) }})
			continue
		}
		pieces = append(pieces, piece)
		if len(pieces)*len(piece.Columns) >= attachFiles {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(pieces) > 0 || !attached && len(streamed) == 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	if len(streamed) > 0 {
		return w.session.Announce(w.ctx, t, streamed)
	}
	return nil
}

// rowsGranted is what the grant gives of a table, without its columns: its rows and
// the keys of its masks.
func (w *worker) rowsGranted(table string) (zone.Projection, error) {
	e := w.engine
	d := w.catalog.datasets[table]
	if d.Data == nil {
		return zone.Projection{}, fail("DATA_DAMAGED", fmt.Errorf("query: dataset %s has no data", table))
	}
	owner, ok := w.facts.Owner(d)
	if !ok {
		return zone.Projection{}, fmt.Errorf("query: dataset %s is not of the zone, and no supply gives it", table)
	}
	keys, err := e.tokenKeys(owner)
	if err != nil {
		return zone.Projection{}, err
	}
	if keys.Scope = w.facts.License.Name; d.Spec.Entity != nil { // a person and an enterprise of one number are two
		keys.Scope += " " + d.Spec.Entity.Kind
	}
	p := zone.Projection{Zone: d.Spec.Zone, Dataset: table, Version: d.Data.Version, Manifest: d.Data.Manifest, Keys: keys, Scope: conditions(w.catalog.grants[table].Spec)}
	if p.Bridges, err = e.bridgeKeys(w.catalog.grants[table]); err != nil {
		return zone.Projection{}, err
	}
	p.Consented, err = w.cutTo(table)
	return p, err
}

// projection is what the grant gives of a table.
func (w *worker) projection(t sandbox.Table) (zone.Projection, error) {
	p, err := w.rowsGranted(t.Name)
	if err != nil {
		return zone.Projection{}, err
	}
	if p.Consented != nil {
		set := p.Consented.Digest()
		w.cut[t.Name] = hex.EncodeToString(set[:])
	}
	for _, c := range t.Columns {
		if c.Name == zone.EntityColumn {
			p.Entity = true
			continue
		}
		if c.Name == zone.RowColumn {
			p.Rows = true
			continue
		}
		g, ok := granted(w.catalog.grants[t.Name].Spec, c.Name)
		if !ok {
			return zone.Projection{}, fmt.Errorf("query: column %s.%s is not granted", t.Name, c.Name)
		}
		p.Columns = append(p.Columns, zone.Project{Name: c.Name, Recipe: recipeOf(g.Recipe)})
	}
	if !w.engine.cfg.unpruned {
		p.Needs = w.needs(t.Name)
	}
	return p, nil
}

// conditions are those that a grant has for rows.
func conditions(g registry.Grant) (out []zone.Condition) {
	for _, c := range g.Scope {
		out = append(out, zone.Condition{Column: c.Column, In: c.In})
	}
	return out
}

// needs is what the references of a table need of a row, on delivered values.
func (w *worker) needs(table string) (out [][]zone.Need) {
	i := slices.IndexFunc(w.Scans, func(s analysis.Scan) bool { return s.Table == table })
	if i < 0 {
		return nil
	}
	for _, list := range w.Scans[i].Needs {
		bound := []zone.Need{}
		for _, n := range list {
			bound = append(bound, zone.Need{Column: n.Column, Type: w.catalog.delivered(table, n.Column), Op: n.Op, Values: w.constants(n)})
		}
		out = append(out, bound)
	}
	return out
}

// attachPieces makes the columns of some pieces, as many at a time as there are
// processors, or finds them in the cache, and attaches them.
func (w *worker) attachPieces(t sandbox.Table, tag sandbox.Tag, pieces []*zone.Piece) (err error) {
	held := make([][]*sandbox.Held, len(pieces))
	defer func() {
		for _, columns := range held {
			for _, h := range columns {
				if h != nil {
					err = errors.Join(err, h.Release())
				}
			}
		}
	}()
	group, ctx := errgroup.WithContext(w.ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range pieces {
		held[i] = make([]*sandbox.Held, len(p.Columns))
		for j, c := range p.Columns {
			group.Go(func() (err error) {
				held[i][j], err = w.engine.cache.Get(ctx, c.ID, tag, func() (*sandbox.Sealed, error) { return seal(c, sandbox.Seal) })
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return w.engine.storeError(err)
	}
	segs := make([]sandbox.Segment, len(pieces))
	for i, p := range pieces {
		segs[i].Rows = int64(p.Rows)
		for _, h := range held[i] {
			segs[i].Columns = append(segs[i].Columns, h.Column())
		}
	}
	return w.session.Attach(w.ctx, t, segs)
}

// seal makes the columns of one piece, which the caller closes.
func (w *worker) seal(p *zone.Piece) (sandbox.Segment, error) {
	if w.ctx.Err() != nil {
		return sandbox.Segment{}, context.Cause(w.ctx)
	}
	g := sandbox.Segment{Rows: int64(p.Rows), Columns: make([]*sandbox.Sealed, len(p.Columns))}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range p.Columns {
		group.Go(func() (err error) {
			g.Columns[i], err = seal(c, sandbox.Lend)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return sandbox.Segment{}, errors.Join(w.engine.storeError(err), g.Close())
	}
	return g, nil
}

func seal(c zone.Column, as func(arrow.Array) (*sandbox.Sealed, error)) (*sandbox.Sealed, error) {
	arr, err := c.Array()
	if err != nil {
		return nil, err
	}
	defer arr.Release()
	return as(arr)
}

// forget evicts what a change of documents concerns: a dataset, a grant or a supply its
// dataset, a license its zone, a template or a data request nothing, anything else
// everything: a zone too, whose tokens others may hold. A first version takes
// nothing away. Runs that stand on the old documents have been
// ended by then, so that none of them fills the cache again.
func (e *Engine) forget(changed []registry.Applied, docs []registry.Document) {
	for _, a := range changed {
		if !a.Changed || a.Version == 1 && a.Kind != registry.KindNegativeList && a.Kind != registry.KindRestriction {
			continue
		}
		if a.Kind == registry.KindTemplate || a.Kind == registry.KindRequest || a.Kind == registry.KindQualityRules || a.Kind == registry.KindRetention || a.Kind == registry.KindCall ||
			a.Kind == registry.KindPartner {
			continue // it says what is asked or measured, or who asks, not what is given
		}
		i := slices.IndexFunc(docs, func(d registry.Document) bool { return d.Kind == a.Kind && d.Name == a.Name })
		tag := sandbox.Tag{}
		switch a.Kind {
		case registry.KindDataset:
			tag.Dataset = a.Name
		case registry.KindGrant:
			if g, err := registry.SpecOf[registry.Grant](docs[i]); err == nil {
				tag.Dataset = g.Dataset
			}
		case registry.KindSupply:
			if s, err := registry.SpecOf[registry.Supply](docs[i]); err == nil {
				tag.Dataset = s.Dataset
			}
		case registry.KindLicense:
			if l, err := registry.SpecOf[registry.License](docs[i]); err == nil {
				tag.Zone = l.Zone
			}
		}
		e.evict(tag)
	}
}

// evict drops columns from the cache, and what the store remembers of the zone.
func (e *Engine) evict(tag sandbox.Tag) {
	e.store.Forget(tag.Zone)
	if err := e.cache.Evict(tag); err != nil {
		e.log.Error("evict from the cache", "zone", tag.Zone, "dataset", tag.Dataset, "cause", err)
	}
}
