package admission

import (
	"io"
	"sync/atomic"

	"kindred/internal/fault"
)

// step is by what a budget is charged: small bodies cost one step, however small.
const step = 16 << 10

// Budget bounds the bytes of the bodies that are held at once. A body is charged as it
// arrives, so that one which is announced and does not come costs nothing. It may be
// used concurrently.
type Budget struct {
	left atomic.Int64
}

// NewBudget makes a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.left.Store(bytes)
	return b
}

// Reader reads from r and charges the budget with what it reads. When the budget is
// used up, Read fails with a fault of the kind Busy. Done gives back what was charged.
type Reader struct {
	budget  *Budget
	r       io.Reader
	charged int64
	read    int64
}

// Reader makes a reader of a body.
func (b *Budget) Reader(r io.Reader) Reader { return Reader{budget: b, r: r} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.read += int64(n)
	for r.charged < r.read {
		if r.budget.left.Add(-step) < 0 {
			r.budget.left.Add(step)
			return 0, fault.New(fault.Busy, "The server holds as many bytes of requests as it can; try again after a moment")
		}
		r.charged += step
	}
	return n, err
}

// Done gives back what was charged, once the body is not held any more.
func (r *Reader) Done() {
	if r.charged > 0 {
		r.budget.left.Add(r.charged)
		r.charged = 0
	}
}
