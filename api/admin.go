package api

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"zonebox/query"
)

// Admin returns the handler for those who run the gate's host: /livez, /readyz and
// /metrics. Nobody signs there, and nothing of it names a person, an operator or
// anything that was asked; it belongs on an address of that host alone, and does not
// answer to another name, by which a page in a browser there could read it.
func Admin(e *query.Engine) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(figures{e}, collectors.NewBuildInfoCollector(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, req *http.Request) { state(w, req, e, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) { state(w, req, e, e.Ready(req.Context())) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		host, _, err := net.SplitHostPort(req.Host)
		if err != nil {
			host = req.Host
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, req)
	})
}

// state answers 200, or 503 with the problem: its code, and what to do.
func state(w http.ResponseWriter, req *http.Request, e *query.Engine, err error) {
	var out any = struct {
		Status string `json:"status"`
	}{"ok"}
	kind, status := "application/json", http.StatusOK
	if err != nil {
		lang := "zh"
		if strings.HasPrefix(req.Header.Get("Accept-Language"), "en") {
			lang = "en"
		}
		p := NewProblem(e.Told(err), lang)
		p.Status = http.StatusServiceUnavailable
		out, kind, status = p, problemType, p.Status
		w.Header().Set("Retry-After", strconv.Itoa(later(p.Code)))
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // whoever went needs no answer
}

// figures are those of the engine, as Prometheus has them.
type figures struct{ engine *query.Engine }

var (
	questionSeconds = description("question_seconds", "How long questions took, by how they ended.", "outcome")
	explainSeconds  = description("explain_seconds", "How long explains took, by how they ended.", "outcome")
	statements      = description("statements", "Statements that have their turn or wait for it.", "state")
	loadsUnderWay   = description("loads", "Deliveries that are read or wait.")
	workers         = description("workers", "Workers, by what they do.", "state")
	workersStarted  = description("workers_started_total", "Workers that got ready.")
	workersDied     = description("workers_died_total", "Workers that ended by themselves while they had nothing to do.")
	workersFailed   = description("worker_starts_failed_total", "Starts that gave no worker.")
	cacheBytes      = description("cache_bytes", "Columns that the gate keeps.")
	cacheLookups    = description("cache_lookups_total", "Lookups of columns.", "found")
	cacheEvictions  = description("cache_evictions_total", "Columns that went from the cache.")
	auditEntries    = description("audit_entries", "Durable entries of the audit log.")
	auditUnsigned   = description("audit_unsigned_entries", "Entries that no checkpoint covers yet.")
	diskFree        = description("disk_free_bytes", "Room on the disk of the domain; -1 if it cannot be told.")
	tracesDropped   = description("traces_dropped_total", "Traces of runs that their receiver did not take.")
	draining        = description("draining", "1 while the gate takes no new statements.")
)

func description(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("zonebox_"+name, help, labels, nil)
}

// Describe sends the description of each figure.
func (figures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{questionSeconds, explainSeconds, statements, loadsUnderWay, workers, workersStarted, workersDied, workersFailed,
		cacheBytes, cacheLookups, cacheEvictions, auditEntries, auditUnsigned, diskFree, tracesDropped, draining} {
		to <- d
	}
}

// Collect sends each figure as it is.
func (f figures) Collect(to chan<- prometheus.Metric) {
	now := f.engine.Measures()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	histogram := func(d *prometheus.Desc, of map[string]query.Outcome) {
		for name, o := range maps.All(of) {
			buckets := map[float64]uint64{}
			for i, n := range o.Within {
				buckets[query.Bounds[i]] = uint64(n)
			}
			to <- prometheus.MustNewConstHistogram(d, uint64(o.Count), o.Seconds, buckets, name)
		}
	}
	histogram(questionSeconds, now.Questions)
	histogram(explainSeconds, now.Explains)
	gauge(statements, float64(now.Running), "running")
	gauge(statements, float64(now.Waiting), "waiting")
	gauge(loadsUnderWay, float64(now.Loads))
	if w := now.Workers; w != nil {
		gauge(workers, float64(w.Idle), "idle")
		gauge(workers, float64(w.Starting), "starting")
		gauge(workers, float64(w.InUse), "in_use")
		counter(workersStarted, w.Started)
		counter(workersDied, w.Died)
		counter(workersFailed, w.Failed)
	}
	gauge(cacheBytes, float64(now.Cache.Bytes))
	counter(cacheLookups, now.Cache.Hits, "yes")
	counter(cacheLookups, now.Cache.Misses, "no")
	counter(cacheEvictions, now.Cache.Evictions)
	gauge(auditEntries, float64(now.Entries))
	gauge(auditUnsigned, float64(now.Unsigned))
	gauge(diskFree, float64(now.Free))
	counter(tracesDropped, now.Untraced)
	if now.Draining {
		gauge(draining, 1)
	} else {
		gauge(draining, 0)
	}
}
