// Package job does long work inside a domain, such as replaying an object type or
// sealing it anew: durably, a bounded step at a time, on any node, with progress
// that can be looked at, and each step exactly once whatever is paused, killed or
// taken over.
//
// # Writing a handler
//
// A kind of work is a [Handler], registered under its name where a node is put
// together. A job is made with [Jobs.Create] inside the transaction of what it is
// for, so that a change of configuration and the work that follows from it are
// one. The engine calls Step again and again, here or on another node, until one
// says that it was the last.
//
// A step reads as it likes, may ask key services and the network, and then changes
// the store in exactly one transaction, which carries its [Progress] too:
//
//	func (h replay) Step(ctx context.Context, s *job.Step) error {
//		return s.Update(ctx, func(c *domain.Config, tx *seal.Tx) (job.Progress, error) {
//			next, n, err := h.some(ctx, c, tx, s.Job.Cursor)
//			return job.Progress{Cursor: next, Done: n, Finished: next == nil}, err
//		})
//	}
//
// [Step.Update] runs in a transaction of the domain, [Step.UpdateStore] in one of
// the store. A transaction that is opened by somebody else, such as that of
// domain.Domains.Configure or a method of another concept, takes part by calling
// [Step.Save] in it. Which of the three it is makes no difference to what holds:
//
//   - The function may run several times (contract 5 of package store). It has no
//     effect but its writes and what it returns, and begins from Step.Job each time.
//   - What it writes and its Progress are committed together, after a check that
//     the job is still this node's to work on and that the step has not been saved
//     yet. Else nothing is written and an error returned; Step returns it.
//   - A step that returns nil and has saved nothing, or that saves twice, is a
//     defect. The job fails, and nothing is saved twice.
//   - Steps are to take a second or so. Longer ones are right but hold up pausing
//     and the end of the process, since only the context tells them to stop.
//
// An error of a step is met with another try after a pause of one second, then two,
// and so on up to five minutes; after ten tries in a row without a step that
// succeeded the job has failed. An error marked with [Final] fails it at once. The
// message of the job is that of the error if that is a fault for the client, else
// a fixed text; the log has the rest. A failed job can be resumed.
//
// A handler that also is an [Undoer] is asked to take back what was done when a
// job is cancelled: by steps of the same form, until one is the last. So that may
// take long, be paused, fail and be resumed like the rest of the work.
//
// # States
//
//	PENDING    waits for a node, or for another try after an error
//	RUNNING    a node works on it
//	PAUSED     left alone until it is resumed
//	SUCCEEDED  ended
//	FAILED     ended; may be resumed or cancelled
//	CANCELLED  ended; taken back if its kind can be
//
// Pausing and cancelling are in force when the call answers: a step under way has
// committed by then, or will not.
//
// # Leases
//
// A node takes a job for [Lease] at a time and renews that while it works. Each
// take raises the job's token. A step's transaction commits only if the job has
// the token of the take that the step belongs to, so a node that was stopped and
// comes back too late cannot finish what another took over, whatever its clock
// says. Times of leases are those of the store's transactions. Renewals do not
// touch what a step's transaction reads, and so never make it run again.
//
// A take of a job whose lease ran out counts as a try that failed, so that a job
// that kills its node does not do so for ever. A node that ends as it should gives
// its leases back.
//
// # Records
//
//	'd' DOMAIN 'j' JOB  "job"         a job: all that changes
//	                    "parameters"  what it was made with
//	'd' DOMAIN 'j'      time, JOB     the jobs of a domain by the time they were made
//	"jobs"              DOMAIN, JOB   the jobs that a node may have to work on, and
//	                                  from when: a lease's end if one has it
//
// Records of a domain are a version byte and JSON sealed under the root key, bound
// to the record's key; the index has a version byte, a time and the kind, and
// nothing of a customer's. Each job has a partition of its own, so that jobs of
// one domain do not conflict. DeleteDomain removes the domain's partitions; what
// it leaves in the index is removed when a node comes upon it.
//
// # Bounds
//
// A node works on [MaxRunning] jobs at once. A domain keeps [MaxEnded] jobs that
// have ended, the newest, and has at most [MaxOpen] that have not. Those of a job's
// parts are beside [Progress] and [Spec].
package job
