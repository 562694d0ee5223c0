package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zonebox/query"
)

// An operation changes a domain from one state to another by many durable steps.
type operation struct {
	name string
	// apart says that each fault has a domain of its own outside of a campaign too;
	// else they take turns in one.
	apart bool
	// steps is how many steps do not happen outside of a campaign, at least three.
	steps int
	// found is done once to a new domain, and prepare before each turn; both may be
	// nil.
	found, prepare func(t *testing.T, h *home)
	// do has a client order the change of a domain in the state before, and nothing
	// else of the gate. Done again it is the same order.
	do func(t *testing.T, h *home, before string) outcome
	// state tells, of a gate that serves, which state the domain is in, and checks
	// what holds in both.
	state func(t *testing.T, h *home) string
	// turns reports whether a domain in the state before may be in the state now
	// once the order was carried out.
	turns func(before, now string) bool
}

// operations are those of a zone's data and keys, of the catalogue and of the log.
var operations = []operation{
	{
		name: "load", apart: true,
		prepare: func(t *testing.T, h *home) { // a delivery that never came, of another size than what is there
			rows := 9000
			if h.ask(t, countVisits, "-o", "csv").out == "n\n9000\n" {
				rows = 2000
			}
			h.delivery(t, rows, fmt.Sprint(time.Now().UnixNano()))
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			file := h.path("delivery.csv")
			return h.zonebox(t, "load", "--as", "wu.dc", file, "--manifest", file+".manifest.yaml")
		},
		state: func(t *testing.T, h *home) string { return h.ask(t, countVisits, "-o", "csv").out },
		turns: func(before, now string) bool {
			return before != now && slices.Contains([]string{"n\n9000\n", "n\n2000\n"}, now)
		},
	},
	{
		name: "rotate",
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "keys", "rotate", "zone-data", "--zone", "medical", "--as", "wu.dc")
		},
		state: func(t *testing.T, h *home) string {
			if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
				t.Errorf("the data answer %q: %s", o.out, o.errout)
			}
			return fmt.Sprint(len(versionsOf(t, h, "medical")))
		},
		turns: func(before, now string) bool {
			n, err := strconv.Atoi(before)
			return err == nil && now == strconv.Itoa(n+1)
		},
	},
	{
		name: "rewrap",
		prepare: func(t *testing.T, h *home) {
			h.must(t, exitOK, "keys", "rotate", "zone-data", "--zone", "medical", "--as", "wu.dc")
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "keys", "rewrap", "medical", "--as", "wu.dc")
		},
		state: func(t *testing.T, h *home) string {
			if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
				t.Errorf("the data answer %q: %s", o.out, o.errout)
			}
			return current(t, h, "visits").Manifest + current(t, h, "persons").Manifest
		},
		turns: func(before, now string) bool {
			return before != now && before[:64] != now[:64] && before[64:] != now[64:] // all or none
		},
	},
	{
		name: "shred", apart: true,
		prepare: func(t *testing.T, h *home) {
			file := h.delivery(t, 9000, fmt.Sprint(time.Now().UnixNano()))
			h.must(t, exitOK, "load", "--as", "wu.dc", file, "--manifest", file+".manifest.yaml")
			o := h.must(t, exitOK, "shred", "column", "--zone", "medical", "--dataset", "visits", "--column", "department", "--reason", "协议第九条", "--as", "wu.dc")
			write(t, h.path("order"), []byte(strings.TrimSpace(o.out)), 0o600)
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "shred", "confirm", h.ordered(t), "--as", "sun.health")
		},
		state: func(t *testing.T, h *home) string {
			if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
				t.Errorf("what is left answers %q: %s", o.out, o.errout)
			}
			o := h.ask(t, "SELECT count(department) AS n FROM visits", "--json")
			if o.code == exitOK {
				return "there"
			}
			return problemOf(t, o).Code
		},
		turns: func(before, now string) bool { return before == "there" && now == "DATA_SHREDDED" },
	},
	{
		name: "backup",
		prepare: func(t *testing.T, h *home) { // those of before are taken elsewhere
			for _, b := range backups(t, h) {
				removeAll(t, h.path("backups", b))
			}
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "backup", "create", "--as", "wu.dc")
		},
		state: func(t *testing.T, h *home) string {
			all := backups(t, h)
			for _, b := range all {
				h.must(t, exitOK, "backup", "verify", b, "--as", "wu.dc")
			}
			left, err := os.ReadDir(h.path("backups"))
			if err != nil || len(left) != len(all) {
				t.Errorf("the folder of backups holds %v, listed are %v; %v", left, all, err)
			}
			return fmt.Sprint(len(all))
		},
		turns: func(before, now string) bool {
			n, err := strconv.Atoi(before)
			return err == nil && now == strconv.Itoa(n+1)
		},
	},
	{
		name: "append",
		do: func(t *testing.T, h *home, before string) outcome {
			return h.increment(t, "append", before)
		},
		state: inForce,
		turns: func(before, now string) bool {
			b, n := strings.Fields(before), strings.Fields(now)
			was, _ := strconv.Atoi(b[1])
			return n[2] == b[0] && n[1] == strconv.Itoa(was+50)
		},
	},
	{
		name: "upsert",
		found: func(t *testing.T, h *home) {
			entry, err := demoDocuments.ReadFile("demo/visits.yaml")
			if err != nil {
				t.Fatal(err)
			}
			h.signed(t, "keyed.yaml", strings.Replace(string(entry), "  status: PUBLISHED\n", "  status: PUBLISHED\n  key: [visit_id]\n", 1), "qian.hospital", "qian.hospital", "zhao.city")
		},
		do: func(t *testing.T, h *home, before string) outcome {
			return h.increment(t, "upsert", before)
		},
		state: inForce,
		turns: func(before, now string) bool {
			b, n := strings.Fields(before), strings.Fields(now)
			return n[2] == b[0] && n[1] == b[1]
		},
	},
	{
		name: "rollback",
		prepare: func(t *testing.T, h *home) {
			good := current(t, h, "visits").Version
			file := h.delivery(t, 2000, fmt.Sprint(time.Now().UnixNano()))
			h.must(t, exitOK, "load", "--as", "wu.dc", file, "--manifest", file+".manifest.yaml")
			h.must(t, exitOK, "zone", "rollback", "visits", good, "--reason", "金额有误", "--as", "wu.dc")
			write(t, h.path("order"), []byte(good), 0o600)
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "zone", "rollback", "visits", h.ordered(t), "--reason", "同意", "--as", "qian.hospital")
		},
		state: func(t *testing.T, h *home) string {
			rows := strings.Fields(inForce(t, h))[1]
			return rows
		},
		turns: func(before, now string) bool { return before == "2000" && now == "9000" },
	},
	{
		name: "quarantine",
		found: func(t *testing.T, h *home) {
			write(t, h.path("rules.yaml"), []byte(regionRules), 0o600)
			h.must(t, exitOK, "apply", "--as", "qian.hospital", "-f", h.path("rules.yaml"))
		},
		prepare: func(t *testing.T, h *home) {
			file := h.delivery(t, 2000, fmt.Sprint(time.Now().UnixNano()), "district", "1")
			h.must(t, exitQuarantined, "load", "--as", "wu.dc", file, "--manifest", file+".manifest.yaml")
			all := stored(t, h, "visits")
			i := slices.IndexFunc(all, func(v query.VersionView) bool { return v.State == "QUARANTINED" })
			write(t, h.path("order"), []byte(all[i].Version), 0o600)
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "quality", "release", "visits", "--version", h.ordered(t), "--reason", "已核对", "--as", "qian.hospital")
		},
		state: func(t *testing.T, h *home) string {
			inForce(t, h)
			for _, v := range stored(t, h, "visits") {
				if v.Version == h.ordered(t) {
					return v.State
				}
			}
			return "gone"
		},
		turns: func(before, now string) bool { return before == "QUARANTINED" && now == "CURRENT" },
	},
	{
		name: "publish",
		prepare: func(t *testing.T, h *home) {
			title := fmt.Sprintf("病区第%d版", time.Now().UnixNano())
			write(t, h.path("order"), []byte(title), 0o600)
			write(t, h.path("wards.yaml"), []byte(strings.Replace(wardsEntry, "病区", title, 1)), 0o600)
			h.must(t, exitOK, "catalogue", "submit", "--as", "qian.hospital", "-f", h.path("wards.yaml"))
			h.must(t, exitOK, "catalogue", "approve", "--as", "zhao.city", "wards")
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "catalogue", "publish", "--as", "qian.hospital", "wards")
		},
		state: func(t *testing.T, h *home) string {
			o := h.zonebox(t, "get", "dataset", "wards", "--as", "li.op")
			published := o.code == exitOK && strings.Contains(o.out, h.ordered(t))
			o = h.must(t, exitOK, "catalogue", "show", "--as", "zhao.city", "wards")
			if head, _, _ := strings.Cut(o.out, "\n"); strings.HasSuffix(head, " approved") == published {
				t.Errorf("the edition is in force: %v, and its course says %s", published, head)
			}
			return strconv.FormatBool(published)
		},
		turns: func(before, now string) bool { return before == "false" && now == "true" },
	},
	{
		name: "coarsen", steps: 7, // some are between the new rows on disk and the old ones gone
		found: func(t *testing.T, h *home) { // whatever is made of the visits waits for a person
			for _, doc := range [][]string{{"dataset", "visits", "public_safety: false", "public_safety: true", "qian.hospital", "sun.health"}, {"grant", "visits-statistics", "", "", "sun.health", "qian.hospital"}} {
				text := h.must(t, exitOK, "get", doc[0], doc[1], "--as", "zhao.city").out
				h.signed(t, doc[0]+".yaml", unsigned.ReplaceAllString(strings.Replace(text, doc[2], doc[3], 1), "signatures: []\n"), doc[4], "zhao.city", doc[4], doc[5])
			}
		},
		prepare: func(t *testing.T, h *home) {
			o := h.ask(t, fmt.Sprintf("SELECT district, count(*) AS n%d FROM visits GROUP BY district", time.Now().UnixNano()), "--json")
			if p := problemOf(t, o); p.Code == "OUTPUT_IN_REVIEW" {
				write(t, h.path("order"), []byte(p.Run), 0o600)
			} else {
				t.Fatalf("exited %d: %s", o.code, o.out)
			}
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "review", "coarsen", "--as", "sun.health", h.ordered(t), "--raise-k", "30", "--basis", "NJ24-14")
		},
		state: func(t *testing.T, h *home) string {
			show := func(run string) (i query.ReviewDetail) {
				o := h.must(t, exitOK, "review", "show", "--as", "sun.health", run, "-o", "json")
				if err := json.Unmarshal([]byte(o.out), &i); err != nil {
					t.Fatal(err)
				}
				return i
			}
			held, err := filepath.Glob(h.domain("holds", "*.hold"))
			if err != nil {
				t.Fatal(err)
			}
			var runs []string
			for _, file := range held {
				run := strings.TrimSuffix(filepath.Base(file), ".hold")
				if i := show(run); i.State != "REVIEWING" {
					t.Errorf("of run %s, which is %s, rows are held", run, i.State)
				}
				runs = append(runs, run)
			}
			old := show(h.ordered(t))
			waits := old.Run
			if old.State == "COARSENED" {
				waits = old.CoarsenedTo
			}
			if !slices.Contains(runs, waits) {
				t.Errorf("of run %s, which waits, no rows are held", waits)
			}
			return old.State
		},
		turns: func(before, now string) bool { return before == "REVIEWING" && now == "COARSENED" },
	},
	{
		// What the log holds of an answer goes from its tail to the tree, and under a
		// checkpoint.
		name: "checkpoint",
		do: func(t *testing.T, h *home, _ string) outcome {
			before := h.checkpoint(t)
			// Another question each time: the same one is answered by its artifact.
			o := h.ask(t, fmt.Sprintf("SELECT count(*) AS n%d FROM visits", time.Now().UnixNano()), "-o", "csv")
			for range 60 {
				if h.checkpoint(t) >= before+3 { // the question, its answer and its end
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			return o
		},
		state: func(t *testing.T, h *home) string {
			released := 0
			for _, e := range h.entries(t) {
				if e.Kind == "output.released" {
					released++
				}
			}
			return fmt.Sprint(released)
		},
		turns: func(before, now string) bool {
			n, err := strconv.Atoi(before)
			return err == nil && now == strconv.Itoa(n+1)
		},
	},
}

// unsigned finds the signatures of a document.
var unsigned = regexp.MustCompile(`(?m)^signatures:(.*\n)(^[ -].*\n)*`)

// regionRules keep a delivery with an unknown region from use.
const regionRules = `kind: QualityRules
name: visits
spec:
  gate: {minimum_score: 1, errors: true}
  contract:
    apiVersion: v3.1.0
    kind: DataContract
    id: visits-quality
    version: 1.0.0
    status: active
    schema:
    - name: visits
      properties:
      - name: district
        quality:
        - {id: region, metric: invalidValues, arguments: {validator: region_code}, mustBe: 0}
`

// wardsEntry is an entry without protected columns.
const wardsEntry = `kind: Dataset
name: wards
spec:
  title: 病区
  zone: medical
  category: {kind: DEPARTMENT}
  provider: hospital-group
  provider_type: authorized_body
  collector: hospital-group
  auditor: hospital-group
  format: TABLE
  share_type: UNCONDITIONAL
  share_mode: REQUEST_RESPONSE
  open_type: UNCONDITIONAL
  legal_basis: [南京市公共数据授权运营管理暂行办法]
  use_requirements: 仅在专区内按授权场景使用
  secret_flag: false
  personal_info: false
  public_safety: false
  entity: null
  source: {acquired: "2026-11-01", update_frequency: monthly}
  status: DRAFT
  columns:
    - {name: ward, title: 病区代码, type: string, level: 1, class: health, personal_info: false, secret_flag: false}
    - {name: beds, title: 床位数, type: int64, level: 1, class: health, personal_info: false, secret_flag: false}
`
