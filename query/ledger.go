package query

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"zonebox/registry"
	"zonebox/release/ledger"
	"zonebox/zone"
)

// shown is what one block of an answer shows of the rows of one dataset.
type shown struct {
	dataset    string // table of the catalogue
	k          int
	population string // digest of what the cells are parts of
	measures   []shownMeasure
	few        bool // nothing leaves of what the asker chose; measures are what would have
}

// shownMeasure is what it shows figures of: its cells, by the rows of the version.
type shownMeasure struct {
	name    string
	columns []string // that a figure is computed from; none of what each row has once
	cells   [][]uint32
	hidden  [][]uint32 // that it would have had but for what few bear of them
}

// overlapError says that a release and those before it would tell of few, or that it would
// by itself. Who asks is told neither. It is for those who supervise.
type overlapError struct {
	dataset string
	finding ledger.Finding
	few     bool // by itself: there is no finding
}

func (e *overlapError) Error() string {
	if e.few {
		return fmt.Sprintf("query: %s: nothing of what was chosen is about enough", e.dataset)
	}
	return fmt.Sprintf("query: %s: a figure of %q with earlier releases: %s", e.dataset, e.finding.Measure, e.finding.Kind)
}

// kindOverlap is the audit entry of a release that was refused by RELEASE_HISTORY. It is
// shown to those who supervise alone, and has no figure.
const kindOverlap = "output.overlap"

// fields name the dataset and, where earlier runs are why, those and what a figure would
// have been of.
func (e *overlapError) fields() map[string]string {
	if e.few {
		return map[string]string{"dataset": e.dataset}
	}
	var with []string
	for _, id := range e.finding.With {
		run, _, _ := strings.Cut(id, "/")
		if !slices.Contains(with, run) {
			with = append(with, run)
		}
	}
	return map[string]string{"dataset": e.dataset, "measure": e.finding.Measure, "with": clip(strings.Join(with, " "))}
}

// ledgers are what outputs showed of datasets, as far as anybody asked since the start.
// The registry says what there is; what is here is read from it.
type ledgers struct {
	mu   sync.Mutex
	all  map[[2]string]*datasetLedger // by zone and dataset
	uses int64
}

func newLedgers() *ledgers { return &ledgers{all: map[[2]string]*datasetLedger{}} }

// maxLedgerBytes is how much memory the ledgers that are held have together, about; what
// was used last is held in any case.
const maxLedgerBytes = 4 << 30

// datasetLedger is that of one dataset. Whoever has it locked may use it.
type datasetLedger struct {
	zone, dataset string

	mu       sync.Mutex
	k        int
	measures map[string]*measureLedger
	lineages int                      // of the dataset that were read
	held     map[string]int           // by run: how many blocks of it are in the ledgers
	numbers  map[string]*zone.Lineage // by file: those of the version that was asked for last

	used int64 // guarded by ledgers.mu
}

// measureLedger is the ledger of one measure, and the versions whose rows it numbers.
type measureLedger struct {
	*ledger.Ledger
	chain []registry.LedgerLineage // the first first
}

// lock returns the ledger of a dataset, locked. Several are locked in the order of
// their names.
func (l *ledgers) lock(zoneName, dataset string) *datasetLedger {
	l.mu.Lock()
	d := l.all[[2]string{zoneName, dataset}]
	if d == nil {
		d = &datasetLedger{zone: zoneName, dataset: dataset}
		l.all[[2]string{zoneName, dataset}] = d
	}
	l.uses++
	d.used = l.uses
	l.mu.Unlock()
	d.mu.Lock()
	return d
}

// trim forgets ledgers that nobody uses and that hold no more than the registry says,
// the one that was used longest ago first.
func (e *Engine) trimLedgers() {
	l := e.ledgers
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.SortedFunc(maps.Values(l.all), func(a, b *datasetLedger) int { return cmp.Compare(b.used, a.used) })
	bytes := 0
	for i, d := range all {
		if !d.mu.TryLock() {
			continue
		}
		bytes += d.bytes()
		if i > 0 && bytes > maxLedgerBytes && !e.holdsOfActive(d) {
			d.reset(0)
		}
		d.mu.Unlock()
	}
}

// holdsOfActive reports whether d holds something of a run that is under way, whose
// output may not be stored yet.
func (e *Engine) holdsOfActive(d *datasetLedger) bool {
	for run := range e.active() {
		if d.held[run] > 0 {
			return true
		}
	}
	return false
}

func (d *datasetLedger) bytes() (n int) {
	for _, m := range d.measures {
		n += m.Bytes()
	}
	return n
}

func (d *datasetLedger) reset(k int) {
	d.k, d.measures, d.lineages, d.held, d.numbers = k, map[string]*measureLedger{}, 0, map[string]int{}, map[string]*zone.Lineage{}
}

// least has what is tried judged by k entities: questions differ in it.
func (d *datasetLedger) least(k int) {
	d.k = k
	for _, m := range d.measures {
		m.Least(k)
	}
}

func (d *datasetLedger) measure(name string) *measureLedger {
	m := d.measures[name]
	if m == nil {
		m = &measureLedger{Ledger: ledger.New(d.k, nil)}
		d.measures[name] = m
	}
	return m
}

// keep puts a block of a run into the ledgers of its measures.
func (d *datasetLedger) keep(run string, r ledger.Release) error {
	d.held[run]++
	for _, name := range r.Measures() {
		if err := d.measure(name).Keep(r.Only(name)); err != nil {
			return fmt.Errorf("query: ledger of %s: %w", d.dataset, err)
		}
	}
	return nil
}

func (d *datasetLedger) void(run string) {
	for i := range d.held[run] {
		for _, m := range d.measures {
			m.Void(blockID(run, i))
		}
	}
	delete(d.held, run)
}

// blockID names a block of a run in the ledgers.
func blockID(run string, block int) string { return run + "/" + strconv.Itoa(block) }

// fieldLedger is, in the entry of a run's end, the digest of what the ledgers hold of it.
const fieldLedger = "ledger"

// reserved is what a run that passed shows of datasets, as files that its output is
// stored with.
type reserved []reservedEntry

type reservedEntry struct {
	registry.LedgerEntry
	k    int // least number of entities that two outputs may differ by
	file []byte
}

const ledgerSuffix = ".ledger"

func (e *Engine) ledgerFile(name string) string {
	return filepath.Join(e.cfg.Domain, ledgerDir, name+ledgerSuffix)
}

// entryFile is the name of what a run shows of a dataset.
func entryFile(run, dataset string) string { return run + "." + dataset }

// ledgerContext binds a file of the ledger to its name, and to what its cells say of an
// output: a file of another form is one that cannot be read, so that no figure is taken for
// less than it showed.
func ledgerContext(name string) []byte { return []byte("zonebox ledger at rest 2 " + name) }

// compare refuses what, with all that outputs have shown or may yet show of the same
// data, would tell of few, and what shows nothing of whom the asker chose; else it is among that from here on, until the run ends
// without an output or its output does. Nobody else compares with these datasets
// meanwhile.
func (r *run) compare(shows []shown) (reserved, error) {
	e := r.engine
	if e.cfg.Forgetful || len(shows) == 0 {
		return nil, nil
	}
	defer e.trimLedgers()
	byDataset := map[string][]shown{}
	for _, s := range shows {
		byDataset[s.dataset] = append(byDataset[s.dataset], s)
	}
	var locked []*datasetLedger
	passed := false
	defer func() {
		for _, d := range locked {
			if !passed {
				d.void(r.id)
			}
			d.mu.Unlock()
		}
	}()
	names := slices.SortedFunc(maps.Keys(byDataset), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.catalog.datasets[a].Spec.Zone, r.catalog.datasets[b].Spec.Zone), cmp.Compare(a, b))
	})
	var out reserved
	for _, name := range names {
		d := e.ledgers.lock(r.catalog.datasets[name].Spec.Zone, name)
		locked = append(locked, d)
		entry, err := r.reserve(d, byDataset[name])
		if err != nil {
			return nil, err
		}
		out = append(out, entry)
	}
	passed = true
	return out, nil
}

// reserve judges the blocks of the run over one dataset, one after the other.
func (r *run) reserve(d *datasetLedger, shows []shown) (reservedEntry, error) {
	e, data := r.engine, r.catalog.datasets[d.dataset].Data
	if err := e.readLedger(r.ctx, d, shows[0].k); err != nil {
		return reservedEntry{}, damagedLedger(err)
	}
	d.void(r.replaced()) // whoever comes next reads it again unless the registry says that it is void
	following := e.following(d, *data)
	out := reservedEntry{k: shows[0].k, LedgerEntry: registry.LedgerEntry{Run: r.id, Zone: d.zone, Dataset: d.dataset, Version: data.Version, Measures: map[string][]string{}}}
	for _, s := range shows {
		block := ledger.Release{ID: blockID(r.id, d.held[r.id]), Population: s.population, Cells: map[string][][]uint32{}, Hidden: map[string][][]uint32{}}
		for _, m := range s.measures {
			numbers, err := e.numbering(r.ctx, d, following, m.name, m.columns)
			if err != nil {
				return out, damagedLedger(err)
			}
			if err := m.renumber(numbers, &block); err != nil {
				return out, err
			}
			found, err := d.measure(m.name).Try(block.Only(m.name))
			if err != nil {
				return out, err
			}
			switch {
			case s.few: // it was judged as if it left, which takes as long
			case found != nil:
				return out, fail("RELEASE_HISTORY", &overlapError{dataset: d.dataset, finding: *found})
			}
			out.Measures[m.name] = m.columns
		}
		if s.few {
			return out, fail("RELEASE_HISTORY", &overlapError{dataset: d.dataset, few: true})
		}
		if err := d.keep(r.id, block); err != nil {
			return out, err
		}
		text := block.Append(nil)
		out.file = append(binary.AppendUvarint(out.file, uint64(len(text))), text...)
	}
	d.forgetNumbers(data.Version)
	var err error
	if out.file, err = e.sealLedger(d.zone, entryFile(r.id, d.dataset), out.file); err != nil {
		return out, err
	}
	out.Digest = ledgerSum(out.file)
	return out, nil
}

// damagedLedger is what a question is told whose history cannot be read: nothing is
// released that could not be compared.
func damagedLedger(err error) error {
	if errors.As(err, new(*zone.IntegrityError)) || errors.Is(err, zone.ErrKey) || errors.Is(err, errLedger) {
		return fail("DATA_DAMAGED", err).because("放行历史", "history of releases")
	}
	return err
}

var errLedger = errors.New("query: a file of the ledger is not what was written")

// renumber puts the cells of a measure into a release by the numbers of their rows, or of
// entities where those are counted, ascending. Rows of nobody are left out: a figure
// stands on entities.
func (m shownMeasure) renumber(l *zone.Lineage, r *ledger.Release) (err error) {
	of := l.Rows
	if m.name == countEntities {
		of = l.Entities
	}
	if r.Cells[m.name], err = renumbered(m.cells, of, l.Entities); err == nil && len(m.hidden) > 0 {
		r.Hidden[m.name], err = renumbered(m.hidden, of, l.Entities)
	}
	return err
}

func renumbered(cells [][]uint32, of, entities []uint32) ([][]uint32, error) {
	var out [][]uint32
	for _, rows := range cells {
		var numbers []uint32
		for _, row := range rows {
			if int(row) >= len(entities) {
				return nil, fmt.Errorf("query: a cell has row %d of %d", row, len(entities))
			}
			if entities[row] != zone.NoEntity {
				numbers = append(numbers, of[row])
			}
		}
		if len(numbers) == 0 {
			continue
		}
		slices.Sort(numbers)
		out = append(out, slices.Compact(numbers))
	}
	return out, nil
}

// active returns the runs that are under way.
func (e *Engine) active() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[string]bool{}
	for id := range e.runs {
		out[id] = true
	}
	return out
}

// readLedger brings the ledgers of a dataset to what the registry says. What runs hold
// that are under way stays: their outputs may not be stored yet.
func (e *Engine) readLedger(ctx context.Context, d *datasetLedger, k int) error {
	active := e.active() // before the registry: whoever ended by now is in it, if ever
	if d.held == nil {
		d.reset(k)
	}
	d.least(k)
	lineages, err := e.registry.LedgerLineages(ctx, d.zone, d.dataset)
	if err != nil {
		return err
	}
	for _, l := range lineages[min(d.lineages, len(lineages)):] {
		if err := e.extend(d, l); err != nil {
			return err
		}
	}
	entries, err := e.registry.LedgerEntries(ctx, d.zone, d.dataset)
	if err != nil {
		return err
	}
	stored := map[string]bool{}
	for _, entry := range entries {
		stored[entry.Run] = true
		switch {
		case entry.State == registry.LedgerVoid:
			d.void(entry.Run)
		case d.held[entry.Run] == 0:
			if err := e.readEntry(d, entry); err != nil {
				d.void(entry.Run)
				return err
			}
		}
	}
	for run := range d.held {
		if !stored[run] && !active[run] {
			d.void(run)
		}
	}
	return nil
}

// readEntry puts what an output showed into the ledgers.
func (e *Engine) readEntry(d *datasetLedger, entry registry.LedgerEntry) error {
	text, err := e.openLedger(d.zone, entryFile(entry.Run, entry.Dataset), entry.Digest)
	if err != nil {
		return err
	}
	for len(text) > 0 {
		n, used := binary.Uvarint(text)
		if used <= 0 || n > uint64(len(text)-used) {
			return errLedger
		}
		block, err := ledger.Parse(text[used : used+int(n)])
		if err != nil {
			return fmt.Errorf("%w: %w", errLedger, err)
		}
		if err := d.keep(entry.Run, block); err != nil {
			return err
		}
		text = text[used+int(n):]
	}
	return nil
}

// extend adds the rows of a lineage to the ledger of its measure.
func (e *Engine) extend(d *datasetLedger, l registry.LedgerLineage) error {
	numbers, err := e.lineage(d, l)
	if err != nil {
		return err
	}
	m := d.measure(l.Measure)
	var entities []uint32
	for i, row := range numbers.Rows {
		who := numbers.Entities[i]
		if l.Measure == countEntities { // whose rows are entities
			if row = who; who == zone.NoEntity {
				continue
			}
		}
		if n := int(row) - m.Rows(); n >= 0 {
			if n >= len(entities) {
				entities = append(entities, make([]uint32, n+1-len(entities))...)
			}
			entities[n] = who
		}
	}
	m.Grow(entities)
	m.chain = append(m.chain, l)
	d.lineages++
	return nil
}

// lineage reads how rows of a version are numbered.
func (e *Engine) lineage(d *datasetLedger, l registry.LedgerLineage) (*zone.Lineage, error) {
	if numbers := d.numbers[l.File]; numbers != nil {
		return numbers, nil
	}
	text, err := e.openLedger(d.zone, l.File, l.Digest)
	if err != nil {
		return nil, err
	}
	numbers := new(zone.Lineage)
	if err := numbers.UnmarshalBinary(text); err != nil {
		return nil, fmt.Errorf("%w: %w", errLedger, err)
	}
	d.numbers[l.File] = numbers
	return numbers, nil
}

// forgetNumbers drops the lineages that are held in memory but those of one version.
func (d *datasetLedger) forgetNumbers(but string) {
	files := map[string]bool{}
	for _, m := range d.measures {
		for _, l := range m.chain {
			files[l.File] = files[l.File] || l.Version == but
		}
	}
	maps.DeleteFunc(d.numbers, func(file string, _ *zone.Lineage) bool { return !files[file] })
}

// following returns the numbering of a version, for one measure after the other.
func (e *Engine) following(d *datasetLedger, data registry.DataVersion) *zone.Following {
	return e.store.Following(zone.Ref{Zone: d.zone, Dataset: d.dataset, Version: data.Version, Manifest: data.Manifest})
}

// numbering returns how rows of a version are numbered for a measure, and numbers them
// if nobody has.
func (e *Engine) numbering(ctx context.Context, d *datasetLedger, f *zone.Following, name string, columns []string) (*zone.Lineage, error) {
	m, version := d.measure(name), f.Version()
	if i := slices.IndexFunc(m.chain, func(l registry.LedgerLineage) bool { return l.Version == version }); i >= 0 {
		return e.lineage(d, m.chain[i])
	}
	l := registry.LedgerLineage{Zone: d.zone, Dataset: d.dataset, Version: version, Measure: name}
	if first := d.firstOf(version); len(m.chain) == 0 && first != nil { // the first of a chain has the numbers of its rows
		l.File, l.Digest = first.File, first.Digest
		return e.number(ctx, d, l)
	}
	stored, err := e.registry.DataVersions(ctx, d.zone, d.dataset)
	if err != nil {
		return nil, err
	}
	var earlier []zone.Numbered
	for _, was := range slices.Backward(m.chain) {
		n := zone.Numbered{Ref: zone.Ref{Zone: d.zone, Dataset: d.dataset, Version: was.Version}}
		if i := slices.IndexFunc(stored, func(v registry.DataVersion) bool { return v.Version == was.Version }); i >= 0 && stored[i].State != registry.DataRetired && stored[i].State != registry.DataShredded {
			n.Manifest = stored[i].Manifest
		}
		if n.Lineage, err = e.lineage(d, was); err != nil {
			return nil, err
		}
		earlier = append(earlier, n)
	}
	numbers, err := f.Number(ctx, columns, earlier)
	if err != nil {
		return nil, err
	}
	text, err := numbers.MarshalBinary()
	if err != nil {
		return nil, err
	}
	l.File = newID("lineage", e.cfg.Now())
	file, err := e.sealLedger(d.zone, l.File, text)
	if err != nil {
		return nil, err
	}
	l.Digest = ledgerSum(file)
	if err := writeDurable(e.ledgerFile(l.File), file); err != nil {
		return nil, err
	}
	d.numbers[l.File] = numbers
	return e.number(ctx, d, l)
}

// number stores that rows of a version are numbered, and has the ledger know them.
func (e *Engine) number(ctx context.Context, d *datasetLedger, l registry.LedgerLineage) (*zone.Lineage, error) {
	if err := e.registry.Update(ctx, func(tx *registry.Tx) error { return tx.AddLedgerLineage(l) }); err != nil {
		return nil, err
	}
	if err := e.extend(d, l); err != nil {
		return nil, err
	}
	return e.lineage(d, l)
}

// firstOf returns a lineage that begins the chain of its measure with a version, nil if
// there is none.
func (d *datasetLedger) firstOf(version string) *registry.LedgerLineage {
	for _, m := range d.measures {
		if len(m.chain) > 0 && m.chain[0].Version == version {
			return &m.chain[0]
		}
	}
	return nil
}

// numberCurrent numbers the rows of the current version of a dataset for every measure
// that outputs showed figures of, so that it can be compared with what goes now.
func (e *Engine) numberCurrent(ctx context.Context, zoneName, dataset string) error {
	entries, err := e.registry.LedgerEntries(ctx, zoneName, dataset)
	if err != nil || len(entries) == 0 {
		return err
	}
	current, err := e.registry.CurrentVersion(ctx, zoneName, dataset)
	if err != nil {
		return ignoreMissing(err)
	}
	measures := map[string][]string{}
	for _, entry := range entries {
		if entry.State != registry.LedgerVoid {
			maps.Copy(measures, entry.Measures)
		}
	}
	d := e.ledgers.lock(zoneName, dataset)
	defer d.mu.Unlock()
	if err := e.readLedger(ctx, d, max(d.k, 1)); err != nil {
		return err
	}
	following := e.following(d, current)
	for _, name := range slices.Sorted(maps.Keys(measures)) {
		if _, err := e.numbering(ctx, d, following, name, measures[name]); err != nil {
			return err
		}
	}
	return nil
}
