package pgstore

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"
)

// batch is what goes to the server in one round trip: statements that are
// carried out one after the other, until one fails.
type batch struct {
	link  *link
	wire  pgconn.Batch
	steps []step
	args  []byte // scratch for the parameters of the next statement
}

// step is one statement of a batch.
type step struct {
	statement statement
	row       func(columns [][]byte) error // columns are valid during the call only
	found     int                          // rows that it must find; -1: any number
}

// binary parameters and columns, all of them.
var binaryFormat = []int16{1}

// add queues a statement. The parameters are in binary form and are copied; row,
// which may be nil, is called with each row of the answer.
func (b *batch) add(s statement, row func([][]byte) error, params ...[]byte) {
	b.wire.ExecStatement(b.link.state.prepared[s], params, binaryFormat, binaryFormat)
	b.steps = append(b.steps, step{statement: s, row: row, found: -1})
	b.args = b.args[:0]
}

// finding sets the number of rows that the statement queued last must find.
func (b *batch) finding(n int) { b.steps[len(b.steps)-1].found = n }

// took returns what was appended to args from position at on.
func (b *batch) took(at int) []byte { return b.args[at:len(b.args):len(b.args)] }

// int4, int8 and the following encode parameters of the next statement.
func (b *batch) int4(n int32) []byte {
	at := len(b.args)
	b.args = binary.BigEndian.AppendUint32(b.args, uint32(n))
	return b.took(at)
}

func (b *batch) int8(n int64) []byte {
	at := len(b.args)
	b.args = binary.BigEndian.AppendUint64(b.args, uint64(n))
	return b.took(at)
}

// bytes is a parameter of bytea. Nil would be NULL.
func (b *batch) bytes(p []byte) []byte {
	if p == nil {
		return []byte{}
	}
	return p
}

// Types of array elements, by their number in pg_type.
const (
	oidBool  = 16
	oidBytea = 17
	oidInt8  = 20
	oidInt4  = 23
	oidXid   = 28
)

// array begins an array of n elements.
func (b *batch) array(oid uint32, n int) {
	dimensions := uint32(1)
	if n == 0 {
		dimensions = 0
	}
	b.args = binary.BigEndian.AppendUint32(b.args, dimensions)
	b.args = binary.BigEndian.AppendUint32(b.args, 0) // no NULL among them
	b.args = binary.BigEndian.AppendUint32(b.args, oid)
	if n > 0 {
		b.args = binary.BigEndian.AppendUint32(b.args, uint32(n))
		b.args = binary.BigEndian.AppendUint32(b.args, 1) // index of the first
	}
}

func (b *batch) int4s(n int, at func(int) int32) []byte {
	start := len(b.args)
	b.array(oidInt4, n)
	for i := range n {
		b.args = binary.BigEndian.AppendUint32(b.args, 4)
		b.args = binary.BigEndian.AppendUint32(b.args, uint32(at(i)))
	}
	return b.took(start)
}

func (b *batch) int8s(n int, at func(int) int64) []byte {
	start := len(b.args)
	b.array(oidInt8, n)
	for i := range n {
		b.args = binary.BigEndian.AppendUint32(b.args, 8)
		b.args = binary.BigEndian.AppendUint64(b.args, uint64(at(i)))
	}
	return b.took(start)
}

func (b *batch) xids(list []uint32) []byte {
	start := len(b.args)
	b.array(oidXid, len(list))
	for _, x := range list {
		b.args = binary.BigEndian.AppendUint32(b.args, 4)
		b.args = binary.BigEndian.AppendUint32(b.args, x)
	}
	return b.took(start)
}

func (b *batch) bools(n int, at func(int) bool) []byte {
	start := len(b.args)
	b.array(oidBool, n)
	for i := range n {
		b.args = binary.BigEndian.AppendUint32(b.args, 1)
		v := byte(0)
		if at(i) {
			v = 1
		}
		b.args = append(b.args, v)
	}
	return b.took(start)
}

func (b *batch) byteas(n int, at func(int) []byte) []byte {
	start := len(b.args)
	b.array(oidBytea, n)
	for i := range n {
		p := at(i)
		b.args = binary.BigEndian.AppendUint32(b.args, uint32(len(p)))
		b.args = append(b.args, p...)
	}
	return b.took(start)
}

// readXid decodes the number of a transaction.
func readXid(column []byte) uint32 { return uint32(readInt4(column)) }

// readInt4 and readInt8 decode columns; NULL is 0.
func readInt4(column []byte) int32 {
	if len(column) != 4 {
		return 0
	}
	return int32(binary.BigEndian.Uint32(column))
}

func readInt8(column []byte) int64 {
	if len(column) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(column))
}
