package sqs

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"kindred/internal/fault"
	"kindred/internal/store"
)

// state is what changes about a message. Times are microseconds since 1970.
type state struct {
	visible  int64  // from when it can be received
	sent     int64  // SentTimestamp
	first    int64  // first receive, 0 if none
	last     int64  // latest receive from this queue, 0 if none
	receives uint32 // for life: ApproximateReceiveCount
	here     uint32 // from this queue: counts for its redrive policy
}

const stateSize = 1 + 4*8 + 2*4

func (st *state) encode() []byte {
	b := make([]byte, 0, stateSize)
	b = append(b, formatVersion)
	for _, v := range [...]int64{st.visible, st.sent, st.first, st.last} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	b = binary.BigEndian.AppendUint32(b, st.receives)
	return binary.BigEndian.AppendUint32(b, st.here)
}

func decodeState(b []byte) (state, error) {
	if len(b) != stateSize || b[0] != formatVersion {
		return state{}, errors.New("sqs: message state of an unknown format")
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:])) }
	return state{
		visible:  at(0),
		sent:     at(1),
		first:    at(2),
		last:     at(3),
		receives: binary.BigEndian.Uint32(b[33:]),
		here:     binary.BigEndian.Uint32(b[37:]),
	}, nil
}

// expired says whether the message is past the queue's retention.
func (st *state) expired(q *queue, now int64) bool { return st.sent+q.retention*second <= now }

const second = 1_000_000 // microseconds

// Values of v records.
var (
	flagFresh = []byte{0}
	flagTaken = []byte{1}
)

func (st *state) flag() []byte {
	if st.here > 0 {
		return flagTaken
	}
	return flagFresh
}

// taken says whether a v record is of a message that has been received.
func taken(flag []byte) bool { return len(flag) == 1 && flag[0] == 1 }

// insert writes a new message.
func insert(tx store.Tx, space, message id, sealed []byte, st *state) {
	tx.Put(bodyKey(space, message), sealed)
	tx.Put(stateKey(space, message), st.encode())
	tx.Put(visibilityKey(space, message, st.visible), st.flag())
	tx.Put(sentKey(space, message, st.sent), []byte{})
	tx.Add(counterKey(space, message.shard(), countAll), 1)
}

// remove removes a message whose state is as read.
func remove(tx store.Tx, space, message id, st *state) {
	tx.Delete(bodyKey(space, message))
	tx.Delete(stateKey(space, message))
	tx.Delete(visibilityKey(space, message, st.visible))
	tx.Delete(sentKey(space, message, st.sent))
	tx.Add(counterKey(space, message.shard(), countAll), -1)
	if st.here > 0 {
		tx.Add(counterKey(space, message.shard(), countTaken), -1)
	}
}

// replace writes the next state of a message.
func replace(tx store.Tx, space, message id, before, after *state) {
	tx.Put(stateKey(space, message), after.encode())
	if before.visible != after.visible {
		tx.Delete(visibilityKey(space, message, before.visible))
	}
	tx.Put(visibilityKey(space, message, after.visible), after.flag())
	if before.here == 0 && after.here > 0 {
		tx.Add(counterKey(space, message.shard(), countTaken), 1)
	}
}

// receipt is what a receipt handle says: which receive of which message.
type receipt struct {
	queue, space, message id
	here                  uint32 // the state's, after that receive
}

const receiptSize = 3*16 + 4

func (s *Service) sealReceipt(r receipt) (string, error) {
	b := make([]byte, 0, receiptSize)
	b = append(append(append(b, r.queue[:]...), r.space[:]...), r.message[:]...)
	b = binary.BigEndian.AppendUint32(b, r.here)
	sealed, err := seal(s.root, key("receipt", "handle"), b)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// maxHandle bounds the work that is done for a receipt handle of a caller, in
// characters.
const maxHandle = 1024

// openReceipt reads a receipt handle of the queue.
func (s *Service) openReceipt(q *queue, handle string) (r receipt, err error) {
	sealed, err := base64.StdEncoding.DecodeString(handle[:min(len(handle), maxHandle)])
	if err == nil {
		sealed, err = unseal(s.root, key("receipt", "handle"), sealed)
	}
	if err == nil && len(sealed) != receiptSize {
		err = fmt.Errorf("sqs: receipt of %d bytes", len(sealed))
	}
	if err != nil {
		return r, fault.Named(fault.Invalid, "ReceiptHandleIsInvalid", "ReceiptHandle: is not a receipt handle.").Because(err)
	}
	copy(r.queue[:], sealed)
	copy(r.space[:], sealed[16:])
	copy(r.message[:], sealed[32:])
	r.here = binary.BigEndian.Uint32(sealed[48:])
	if r.queue != q.ID {
		return r, fault.Named(fault.Invalid, "ReceiptHandleIsInvalid", "ReceiptHandle: is not a receipt handle of this queue.")
	}
	return r, nil
}
