package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"kindred/internal/rekey"
)

// keyMetrics registers what is to be known of keys: figures by risk, without names.
func keyMetrics(r prometheus.Registerer, keys *rekey.Service, refusals *rekey.Refusals) {
	for _, risk := range rekey.Risks() {
		labels := prometheus.Labels{"risk": string(risk)}
		r.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kindred_keys_at_risk", ConstLabels: labels,
				Help: "KMS keys of domains and object types that are scheduled for deletion, disabled or out of reach, as of the last hourly look."},
				func() float64 { return float64(keys.AtRisk(risk)) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "kindred_keys_refused_total", ConstLabels: labels,
				Help: "KMS keys that were refused for a domain or an object type because of their state."},
				func() float64 { return float64(refusals.Count(risk)) }))
	}
}
