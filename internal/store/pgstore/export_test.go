package pgstore

// Routed makes the engine treat a plain database as a distributed one: statements
// of one row, locks on rows, views without snapshots.
func (o Options) Routed() Options {
	o.routed = true
	return o
}
