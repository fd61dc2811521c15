package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
	"kindred/internal/store/pgstore"
)

// figures are the collectors of an engine's metrics, and its name in traces.
func figures(st store.Store) (engine string, list []prometheus.Collector) {
	switch s := st.(type) {
	case *pebblestore.Store:
		return "embedded", []prometheus.Collector{newFigures(s.Stats, embeddedFigures)}
	case *pgstore.Store:
		return "postgresql", []prometheus.Collector{newFigures(func() (pgstore.Stats, error) { return s.Stats(), nil }, databaseFigures)}
	}
	return "", nil
}

// figure is one metric of an engine: how it is read from the engine's figures.
type figure[S any] struct {
	name, help string
	label      [2]string // a label and its value, if it has one
	gauge      bool      // else a counter
	read       func(*S) float64
}

var embeddedFigures = []figure[pebblestore.Stats]{
	{"kindred_engine_commits_total", "Updates that wrote something.", [2]string{}, false, func(s *pebblestore.Stats) float64 { return float64(s.Updates) }},
	{"kindred_engine_conflicts_total", "Runs of updates that lost to others.", [2]string{}, false, func(s *pebblestore.Stats) float64 { return float64(s.Conflicts) }},
	{"kindred_engine_alone_total", "Runs of updates that kept losing and were made with all others waiting.", [2]string{}, false, func(s *pebblestore.Stats) float64 { return float64(s.Alone) }},
	{"kindred_engine_stalls_total", "Times that writing waited for flushes or compactions.", [2]string{}, false, func(s *pebblestore.Stats) float64 { return float64(s.Stalls) }},
	{"kindred_engine_written_bytes_total", "Bytes that all writing has come to: the log, flushes and compactions.", [2]string{}, false, func(s *pebblestore.Stats) float64 { return float64(s.WrittenBytes) }},
	{"kindred_engine_cache_reads_total", "Reads of blocks, by whether they were in the cache.", [2]string{"result", "hit"}, false, func(s *pebblestore.Stats) float64 { return float64(s.CacheHits) }},
	{"kindred_engine_cache_reads_total", "Reads of blocks, by whether they were in the cache.", [2]string{"result", "miss"}, false, func(s *pebblestore.Stats) float64 { return float64(s.CacheMisses) }},
	{"kindred_engine_cache_bytes", "Bytes of blocks in the cache.", [2]string{}, true, func(s *pebblestore.Stats) float64 { return float64(s.CacheBytes) }},
	{"kindred_engine_memory_table_bytes", "Bytes of tables in memory.", [2]string{}, true, func(s *pebblestore.Stats) float64 { return float64(s.MemoryBytes) }},
	{"kindred_engine_disk_bytes", "Bytes of the store's directory.", [2]string{}, true, func(s *pebblestore.Stats) float64 { return float64(s.DiskBytes) }},
	{"kindred_engine_l0_files", "Tables that were flushed and not yet compacted.", [2]string{}, true, func(s *pebblestore.Stats) float64 { return float64(s.L0Files) }},
	{"kindred_engine_compaction_debt_bytes", "Bytes that are to be compacted until the tree is in shape.", [2]string{}, true, func(s *pebblestore.Stats) float64 { return float64(s.CompactionDebt) }},
	{"kindred_engine_read_amplification", "Tables that a read may have to look at.", [2]string{}, true, func(s *pebblestore.Stats) float64 { return float64(s.ReadAmp) }},
}

var databaseFigures = []figure[pgstore.Stats]{
	{"kindred_engine_conflicts_total", "Runs that lost to an update.", [2]string{}, false, func(s *pgstore.Stats) float64 { return float64(s.Conflicts) }},
	{"kindred_engine_lost_total", "Runs and statements that lost their connection.", [2]string{}, false, func(s *pgstore.Stats) float64 { return float64(s.Lost) }},
	{"kindred_engine_resolved_total", "Commits whose connection was lost and whose outcome was found out.", [2]string{}, false, func(s *pgstore.Stats) float64 { return float64(s.Resolved) }},
	{"kindred_engine_connections", "Connections to the database, by state.", [2]string{"state", "in_use"}, true, func(s *pgstore.Stats) float64 { return float64(s.InUse) }},
	{"kindred_engine_connections", "Connections to the database, by state.", [2]string{"state", "idle"}, true, func(s *pgstore.Stats) float64 { return float64(s.Idle) }},
	{"kindred_engine_connections_max", "Connections to the database that there may be.", [2]string{}, true, func(s *pgstore.Stats) float64 { return float64(s.Max) }},
	{"kindred_engine_connection_waits_total", "Times that a connection was waited for because all were in use.", [2]string{}, false, func(s *pgstore.Stats) float64 { return float64(s.Waits) }},
	{"kindred_engine_connection_wait_seconds_total", "Time that connections were waited for.", [2]string{}, false, func(s *pgstore.Stats) float64 { return s.Waited.Seconds() }},
}

// collector reads an engine's figures once for all of its metrics.
type collector[S any] struct {
	stats   func() (S, error)
	figures []figure[S]
	descs   []*prometheus.Desc
}

func newFigures[S any](stats func() (S, error), list []figure[S]) *collector[S] {
	c := &collector[S]{stats: stats, figures: list}
	for _, f := range list {
		var labels prometheus.Labels
		if f.label[0] != "" {
			labels = prometheus.Labels{f.label[0]: f.label[1]}
		}
		c.descs = append(c.descs, prometheus.NewDesc(f.name, f.help, nil, labels))
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector[S]) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect implements [prometheus.Collector]. A store that is closed has no figures.
func (c *collector[S]) Collect(to chan<- prometheus.Metric) {
	s, err := c.stats()
	if err != nil {
		return
	}
	for i := range c.figures {
		f, kind := &c.figures[i], prometheus.CounterValue
		if f.gauge {
			kind = prometheus.GaugeValue
		}
		to <- prometheus.MustNewConstMetric(c.descs[i], kind, f.read(&s))
	}
}
