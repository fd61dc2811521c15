package pgstore

import "context"

// Routed makes the engine treat a plain database as a distributed one: statements
// of one row, locks on rows, views without snapshots.
func (o Options) Routed() Options {
	o.routed = true
	return o
}

// Setting is a setting of the server as the store's connections have it.
func (s *Store) Setting(ctx context.Context, name string) (text string, err error) {
	err = s.pool.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&text)
	return text, err
}
