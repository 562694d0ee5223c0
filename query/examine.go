package query

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/registry"
	"zonebox/sandbox"
)

// examined is what a self-check measures; judged says what follows.
type examined struct {
	now time.Time

	people, sharedKeys, mixed int  // active; keys that two of them have; with duties that exclude each other
	lockout                   int  // failures after which guessing is refused; 0 is no such rule
	secondFactor              bool // whoever supervises gives one with each stay
	supervising, withCodes    int  // active people who do, and those of them who have given a one-time code

	network network
	clear   int // ways by which data or alerts come or go over a network unencrypted

	readable, apart     bool // others may reach domain or keys; keys lie outside
	searched, inClear   int  // texts looked for in the registry's files, and found there
	chunks, plainChunks int  // of stored data, looked at and not like ciphertext
	zones, nationalZone int  // active zones, and those that store by SM4

	log       audit.Report
	logErr    error
	oldest    time.Time // entry of the log
	witnesses int       // auditors' cosignatures that the gate holds

	host      sandbox.Survey
	worker    *sandbox.Attestation
	backup    time.Time // of the newest, zero for none
	keys      []keys.Entry
	certified bool // what keeps the keys has a product certificate
}

// network is what answers where the gate listens.
type network struct {
	address string // empty: nowhere but on the socket of this host
	version uint16 // of TLS
	suite   string
	older   bool // something before TLS 1.3 is taken too
	plain   bool // a request that is not encrypted is answered as one
	until   time.Time
	err     error
}

func (e *Engine) examine(ctx context.Context) (*examined, error) {
	x := &examined{now: e.cfg.Now(), host: sandbox.Look()}
	texts, err := e.examinePeople(ctx, x)
	if err != nil {
		return nil, err
	}
	var trial lockout // as the gate's own, with nobody's guesses in it
	for n, a := 1, (attempt{kind: "selfcheck"}); n <= 100 && x.lockout == 0; n++ {
		if trial.Fail(x.now, a); trial.Locked(x.now, a) {
			x.lockout = n
		}
	}
	if address := e.listens.Load(); address != nil {
		x.network = probe(ctx, *address)
	}
	for _, s := range e.cfg.Sources {
		if s.CAFile == "" && !strings.HasPrefix(s.Address, "unix:") {
			x.clear++
		}
	}
	if to := e.cfg.AlertsTo; to != nil && to.Path() == "" {
		x.clear++
	}
	if err := e.examineFiles(x, texts); err != nil {
		return nil, err
	}
	x.log, x.logErr = audit.Verify(AuditDir(e.cfg.Domain), e.info.AuditKey)
	for entry, err := range e.audit.Entries(ctx, 0, min(1, e.audit.Size())) {
		if err != nil {
			return nil, err
		}
		x.oldest = entry.At
	}
	witness, err := e.keys.Witness()
	if err != nil {
		return nil, err
	}
	x.witnesses = len(witness.Cosigned)
	if e.pool != nil {
		w, err := e.pool.Start(ctx)
		if err != nil {
			return nil, err
		}
		shown := w.Attestation()
		x.worker = &shown
		if err := w.Close(); err != nil {
			return nil, err
		}
	}
	for _, root := range e.cfg.BackupRoots {
		entries, err := os.ReadDir(root)
		if err != nil {
			continue // it is not there, and no backup is in it
		}
		for _, d := range entries {
			if b, in, err := openBackup(root, d.Name(), e.keys.Signer().Publics()); err == nil {
				in.Close()
				if b.Domain == e.info.ID && b.Created.After(x.backup) {
					x.backup = b.Created
				}
			}
		}
	}
	x.keys, err = e.keys.Inventory()
	x.certified = e.keys.Provider().Certificate != ""
	return x, err
}

// examinePeople counts the people who may sign in, and returns texts that stand in
// sealed documents alone.
func (e *Engine) examinePeople(ctx context.Context, x *examined) (texts []string, err error) {
	x.secondFactor = e.cfg.SecondFactor
	codes, err := e.registry.OneTimes(ctx)
	if err != nil {
		return nil, err
	}
	given := map[string]bool{}
	for _, o := range codes {
		given[o.Person] = o.Active
	}
	holders := map[string]int{}
	err = e.each(ctx, registry.KindPerson, func(doc registry.Document) error {
		p, err := registry.SpecOf[registry.Person](doc)
		if err != nil || p.Status != "active" {
			return err
		}
		x.people++
		if supervises(p.Roles) {
			x.supervising++
			if given[doc.Name] {
				x.withCodes++
			}
		}
		if holders[p.SigningKey]++; holders[p.SigningKey] == 2 {
			x.sharedKeys++
		}
		if registry.Excluded(p.Roles) {
			x.mixed++
		}
		if len(p.RecipientKey) > 32 { // which stands in their document alone
			texts = append(texts, p.RecipientKey)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return texts, e.each(ctx, registry.KindZone, func(doc registry.Document) error {
		z, err := registry.SpecOf[registry.Zone](doc)
		if err == nil && z.Status == "active" {
			x.zones++
			if strings.HasPrefix(z.StorageAlgorithm, "sm4") {
				x.nationalZone++
			}
		}
		return err
	})
}

// Bounds of what a self-check reads: all of a registry of that size, and the beginnings
// of so many chunks.
const (
	maxSearched = 512 << 20
	maxChunks   = 64
	chunkHead   = 64 << 10
)

// examineFiles looks at the modes of both folders, whether the registry's files hold in
// the clear any of texts that are sealed in it, and whether stored data look like
// ciphertext.
func (e *Engine) examineFiles(x *examined, texts []string) error {
	x.apart = keysOutside(e.cfg) == nil
	for _, dir := range []string{e.cfg.Domain, e.cfg.Keys} {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		x.readable = x.readable || info.Mode().Perm()&0o077 != 0
	}
	x.searched = len(texts)
	found := map[string]bool{}
	for _, name := range []string{registryFile, registryFile + "-wal"} {
		text, err := head(filepath.Join(e.cfg.Domain, name), maxSearched)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, t := range texts {
			found[t] = found[t] || bytes.Contains(text, []byte(t))
		}
	}
	for _, there := range found {
		if there {
			x.inClear++
		}
	}
	return filepath.WalkDir(filepath.Join(e.cfg.Domain, zonesDir), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // retired meanwhile
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		if x.chunks == maxChunks {
			return fs.SkipAll
		}
		if strings.HasPrefix(d.Name(), "manifest-") {
			return nil
		}
		text, err := head(path, chunkHead)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		x.chunks++
		if !likeCiphertext(text) {
			x.plainChunks++
		}
		return nil
	})
}

func head(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// likeCiphertext reports whether bytes are as even as those of a cipher. For even bytes
// chi-square over 256 values has mean 255 and deviation 22.6: 20 deviations are never
// reached, and a file of Arrow or text is beyond by hundreds.
func likeCiphertext(text []byte) bool {
	var count [256]float64
	for _, b := range text {
		count[b]++
	}
	mean, sum := float64(len(text))/256, 0.0
	for _, n := range count {
		sum += (n - mean) * (n - mean)
	}
	return mean > 0 && sum/mean < 255+20*math.Sqrt(2*255)
}

// probeTime bounds one look at what answers.
const probeTime = 5 * time.Second

// probe looks at what answers at the gate's own address.
func probe(ctx context.Context, address string) network {
	n := network{address: address}
	dial := func(versions [2]uint16) (tls.ConnectionState, error) {
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		defer cancel()
		// It is looked at and given nothing, whoever it is.
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: versions[0], MaxVersion: versions[1]}}
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer c.Close()
		return c.(*tls.Conn).ConnectionState(), nil
	}
	state, err := dial([2]uint16{tls.VersionTLS10, tls.VersionTLS13})
	if err != nil {
		n.err = err
		return n
	}
	n.version, n.suite, n.until = state.Version, tls.CipherSuiteName(state.CipherSuite), state.PeerCertificates[0].NotAfter
	_, err = dial([2]uint16{tls.VersionTLS10, tls.VersionTLS12})
	n.older = err == nil
	n.plain = answersPlain(ctx, address)
	return n
}

// answersPlain reports whether a request in the clear gets an answer that is no refusal.
func answersPlain(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer c.Close()
	until, _ := ctx.Deadline()
	if err := c.SetDeadline(until); err != nil {
		return false
	}
	if _, err := fmt.Fprintf(c, "GET /v1/domain HTTP/1.0\r\nHost: %s\r\n\r\n", address); err != nil {
		return false
	}
	answer := make([]byte, 64)
	n, _ := io.ReadAtLeast(c, answer, len("HTTP/1.0 400"))
	return n > 0 && !slices.ContainsFunc([]string{"HTTP/1.0 400", "HTTP/1.1 400"}, func(refusal string) bool { return strings.HasPrefix(string(answer[:n]), refusal) })
}
