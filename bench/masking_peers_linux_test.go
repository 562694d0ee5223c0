package bench_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	capitalone "github.com/capitalone/fpe/ff1"
	"github.com/emmansun/gmsm/cbcmac"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	tinkdaead "github.com/tink-crypto/tink-go/v2/daead/subtle"
	tinkprf "github.com/tink-crypto/tink-go/v2/prf/subtle"

	"zonebox/internal/city"
	"zonebox/internal/stopwatch"
	"zonebox/masking"
	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
	"zonebox/masking/maskbench"
	"zonebox/masking/prf"
)

// way is one way to do a task: call works on so many rows and returns the
// nanoseconds of processor time that took.
type way struct {
	what   string
	rows   int
	call   func() float64
	unlike string // what it does not do as the first way does
	apart  bool   // in another process
}

// clocked makes a way's call of work in this process.
func clocked(work func()) func() float64 {
	return func() float64 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		start := stopwatch.Thread()
		work()
		return float64(stopwatch.Thread() - start)
	}
}

// beside measures the ways of a task in rounds, in an order that rotates. Times
// are medians over rounds, of the time of a row beside the first way's.
func beside(task string, budget time.Duration, ways ...way) []maskbench.Beside {
	perRow := make([][]float64, len(ways))
	allocs := make([]*float64, len(ways))
	for i, w := range ways {
		n := testing.AllocsPerRun(1, func() { w.call() }) / float64(w.rows) // and warms up
		if !w.apart {
			allocs[i] = &n
		}
	}
	for end, round := time.Now().Add(budget), 0; round < 9 || round < 101 && time.Now().Before(end); round++ {
		for i := range ways {
			w := (i + round) % len(ways)
			perRow[w] = append(perRow[w], max(1, ways[w].call())/float64(ways[w].rows))
		}
	}
	quantile := func(v []float64, q float64) float64 { return slices.Sorted(slices.Values(v))[int(q*float64(len(v)-1))] }
	var out []maskbench.Beside
	for i, w := range ways {
		times := make([]float64, len(perRow[i]))
		for r := range times {
			times[r] = perRow[i][r] / perRow[0][r]
		}
		ns := quantile(perRow[i], 0.5)
		out = append(out, maskbench.Beside{Task: task, What: w.what, NsRow: ns, Times: quantile(times, 0.5), Allocs: allocs[i],
			Spread: 100 * (quantile(perRow[i], 0.75) - quantile(perRow[i], 0.25)) / ns, Unlike: w.unlike})
	}
	return out
}

const (
	peerRows = 1 << 18
	slowRows = 1 << 12 // of ways that take a microsecond a row
)

// people are invented people, of whom the engine alone has a table, too.
type people struct {
	phones, ids *array.String
	engine      *native
}

func newPeople(t *testing.T) people {
	path := filepath.Join(t.TempDir(), "people.csv")
	var text bytes.Buffer
	if err := city.Write(&text, city.Persons, city.CSV, city.UTF8, 1, peerRows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	phones, ids := array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for _, r := range rows[1:] {
		ids.Append(r[0])
		phones.Append(r[2])
	}
	p := people{phones.NewStringArray(), ids.NewStringArray(), startNative(t, 1000)}
	p.engine.rows("SET threads = 1")
	p.engine.rows("CREATE TABLE people AS SELECT * FROM read_csv('" + path + "', all_varchar = true)")
	return p
}

// sql is the way of a statement over all rows, by one thread of the engine.
func (p people) sql(statement, unlike string) way {
	return way{"DuckDB: " + statement, peerRows, func() float64 {
		return float64(p.engine.ask(map[string]any{"sql": "SELECT " + statement + " FROM people"}).Processor)
	}, unlike, true}
}

// kernel is the way of a recipe over all rows, into new memory.
func kernel(t *testing.T, arr *array.String, r masking.Recipe, a masking.Algorithm) (way, func() *array.String) {
	t.Helper()
	k, err := masking.Compile("string", r, masking.Keys{Token: make([]byte, masking.KeySize), Algorithm: a})
	if err != nil {
		t.Fatal(err)
	}
	apply := func() *array.String {
		out, _, err := k.Apply(memory.DefaultAllocator, arr)
		if err != nil {
			t.Fatal(err)
		}
		return out.(*array.String)
	}
	what := "zonebox: " + strings.TrimSpace(r.String()+" "+string(a))
	return way{what, peerRows, clocked(func() { apply().Release() }), "", false}, apply
}

// each is a way value by value.
func each(what string, arr *array.String, rows int, unlike string, do func(v string)) way {
	return way{what, rows, clocked(func() {
		for i := range rows {
			do(arr.Value(i))
		}
	}), unlike, false}
}

func (p people) partial(t *testing.T) []maskbench.Beside {
	ours, apply := kernel(t, p.phones, masking.Recipe{Kind: "partial", KeepFirst: 3, KeepLast: 4}, "")
	const statement = "substr(phone, 1, 3) || '****' || substr(phone, 8)"
	masked := apply()
	for i, row := range p.engine.rows("SELECT " + statement + " FROM people LIMIT 100").Cells {
		if row[0] != masked.Value(i) {
			t.Fatal("the statement masks otherwise than the kernel")
		}
	}
	from, to := p.phones.ValueBytes(), make([]byte, len(p.phones.ValueBytes()))
	return beside("partial(3,4) · phone", 5*time.Second, ours,
		way{"memcpy", peerRows, clocked(func() { copy(to, from) }), "masks nothing", false},
		each("Go: []rune, value by value", p.phones, peerRows, "", func(v string) {
			r := []rune(v)
			sink = string(r[:3]) + strings.Repeat("*", len(r)-7) + string(r[len(r)-4:])
		}),
		p.sql(statement, "takes for granted that every value has 11 characters"))
}

var sink string // keeps what value by value makes

func (p people) fpe(t *testing.T) []maskbench.Beside {
	key := make([]byte, 16)
	theirs, err := capitalone.NewCipher(10, 16, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	digits, err := ff1.NewAlphabet("0123456789")
	if err != nil {
		t.Fatal(err)
	}
	src := ff1.Column{Data: p.phones.ValueBytes(), Offsets: p.phones.ValueOffsets()}
	fits := make([]bool, peerRows)
	batch := func(blocks *lanes.Cipher, err error) (func(), *ff1.Column) {
		if err != nil {
			t.Fatal(err)
		}
		c, dst := ff1.New(blocks, digits), new(ff1.Column)
		return func() {
			dst.Data, dst.Offsets = dst.Data[:0], dst.Offsets[:0]
			c.Encrypt(dst, src, ff1.Tweaks{}, fits)
		}, dst
	}
	aes, out := batch(lanes.NewAES(key))
	sm, _ := batch(lanes.NewSM4(key))
	aes()
	for i := range 100 {
		if want, err := theirs.Encrypt(p.phones.Value(i)); err != nil || want != string(out.Data[out.Offsets[i]:out.Offsets[i+1]]) {
			t.Fatalf("FF1 of value %d differs, %v", i, err)
		}
	}
	return beside("FF1 · phone", 15*time.Second,
		way{"zonebox: FF1, AES-128", peerRows, clocked(aes), "", false},
		way{"zonebox: FF1, SM4", peerRows, clocked(sm), "SM4 in place of AES", false},
		each("capitalone/fpe: FF1, AES-128, value by value", p.phones, slowRows, "", func(v string) {
			if _, err := theirs.Encrypt(v); err != nil {
				t.Fatal(err)
			}
		}))
}

func (p people) tokens(t *testing.T) []maskbench.Beside {
	aes, _ := kernel(t, p.ids, masking.Recipe{Kind: "token"}, "")
	national, _ := kernel(t, p.ids, masking.Recipe{Kind: "token"}, masking.SM4CMAC)
	national.unlike = "SM4 in place of AES"
	prfs, err := tinkprf.NewAESCMACPRF(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	siv, err := tinkdaead.NewAESSIV(make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	keyed := func(h func() hash.Hash) func(v string) {
		m, sum := hmac.New(h, make([]byte, 32)), make([]byte, 0, 32)
		return func(v string) {
			m.Reset()
			m.Write([]byte(v))
			m.Sum(sum)
		}
	}
	const tags = "16 bytes of tag, not 32 digits"
	return beside("token · id_number", 15*time.Second, aes, national,
		each("Tink: AES-CMAC PRF, value by value", p.ids, slowRows, tags, func(v string) {
			if _, err := prfs.ComputePRF([]byte(v), 16); err != nil {
				t.Fatal(err)
			}
		}),
		each("Tink: DAEAD (AES-SIV), value by value", p.ids, slowRows, "can be reversed; as long as the value and 16 bytes more", func(v string) {
			if _, err := siv.EncryptDeterministically([]byte(v), nil); err != nil {
				t.Fatal(err)
			}
		}),
		each("Go: HMAC-SHA256, value by value", p.ids, slowRows, "32 bytes of tag", keyed(sha256.New)),
		p.sql("md5(id_number)", "no key: whoever has a list of numbers reads it back"),
		p.sql("sha256(id_number)", "no key: whoever has a list of numbers reads it back"))
}

// tags are tokens by national cryptography before they are written in digits.
func (p people) tags(t *testing.T) []maskbench.Beside {
	key := make([]byte, 16)
	cipher, err := lanes.NewSM4(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := sm4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs, dst := prf.NewCMAC(cipher), cbcmac.NewCMAC(block, 16), make([]byte, peerRows*prf.TagSize)
	ours.Sum(dst, p.ids.ValueBytes(), p.ids.ValueOffsets())
	for i := range 100 {
		if !bytes.Equal(theirs.MAC([]byte(p.ids.Value(i))), dst[i*prf.TagSize:][:prf.TagSize]) {
			t.Fatalf("SM4-CMAC of value %d differs", i)
		}
	}
	m, sum := hmac.New(sm3.New, key), make([]byte, 0, 32)
	return beside("SM4-CMAC · id_number", 10*time.Second,
		way{"zonebox: SM4-CMAC tags", peerRows, clocked(func() { ours.Sum(dst, p.ids.ValueBytes(), p.ids.ValueOffsets()) }), "", false},
		each("gmsm: SM4-CMAC, value by value", p.ids, slowRows, "", func(v string) { theirs.MAC([]byte(v)) }),
		each("gmsm: HMAC-SM3, value by value", p.ids, slowRows, "another function: tags of 32 bytes", func(v string) {
			m.Reset()
			m.Write([]byte(v))
			m.Sum(sum)
		}))
}

// find returns the one of rows that has the name.
func find(t *testing.T, rows []maskbench.Beside, task, what string) maskbench.Beside {
	t.Helper()
	for _, b := range rows {
		if strings.HasPrefix(b.Task, task) && strings.HasPrefix(b.What, what) {
			return b
		}
	}
	t.Fatal(fmt.Errorf("no %s of %s", what, task))
	return maskbench.Beside{}
}
