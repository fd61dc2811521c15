package pgstore

import "time"

// Stats are figures since Open, for metrics.
type Stats struct {
	Conflicts uint64 // runs that lost to another update
	Lost      uint64 // runs and statements that lost their connection
	Resolved  uint64 // commits whose outcome had to be found out

	InUse, Idle, Max int           // connections
	Waits            int64         // for a connection, because all were in use
	Waited           time.Duration // in all of them
}

// Stats returns the current figures, without asking the database.
func (s *Store) Stats() Stats {
	p := s.pool.Stat()
	return Stats{Conflicts: s.conflicts.Load(), Lost: s.lost.Load(), Resolved: s.resolved.Load(),
		InUse: int(p.AcquiredConns()), Idle: int(p.IdleConns()), Max: int(p.MaxConns()),
		Waits: p.EmptyAcquireCount(), Waited: p.EmptyAcquireWaitTime()}
}
