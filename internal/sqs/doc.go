// Package sqs is the embedded queue service: standard queues that speak the API
// of Amazon SQS, durable and sealed, in the installation's own store.
//
// # What it promises
//
//  1. A send that returned is durable; the message is delivered until it is
//     deleted, moved to a dead-letter queue, expired or purged. Nothing else
//     removes it.
//  2. A message that was received is not handed out again before its visibility
//     timeout is over. Receives, deletes and visibility changes of one message
//     are serialised by the store, on however many nodes they run.
//  3. Bodies, attributes, queue settings, policies and tags are ciphertext at
//     rest. Names of queues, random identifiers, times and counts are not.
//  4. Every operation asks package access before it reveals or changes
//     anything; what it was allowed by is what was in force at its commit.
//  5. A receive costs in proportion to what it returns: it never looks at
//     messages in flight or delayed.
//
// FIFO queues are refused. MessageGroupId is kept and returned, and does not
// change the order. Queue attributes that name a KMS key are kept and read
// back, and have no other effect: messages are always sealed, each queue's under
// a data key of its own that is wrapped by the installation's root key. A queue
// name may be used again at once after its queue is deleted. The largest message
// is 1 MiB, which is also the default of MaximumMessageSize, as in today's service.
//
// # Receipt handles
//
// A handle names one receive of one message. While it is the latest receive, it
// deletes the message, also after the visibility timeout, and changes its
// visibility while the message is in flight. Once the message was received
// again, deletes by an older handle succeed without effect, as do deletes of
// what is gone, and changes of visibility fail. Handles are sealed; one that
// was not issued for the queue is refused.
//
// # Layout
//
// A queue has a random identity for life, and a message space, equally random,
// which a purge replaces: the old space is then unreachable, its data key gone,
// and its records are dropped in the background.
//
//	partition               sort key              value
//	sqs/n/                  NAME                  empty: the directory of queues
//	sqs/q/NAME              config                the queue, sealed by the root key
//	sqs/d/NAME              SOURCE                empty: SOURCE redrives to NAME
//	sqs/t/IDENTITY          started, task         a message move task, sealed by the root key
//	sqs/r/                  NAME                  the running move task of a queue
//	sqs/x/                  SPACE                 empty: a space to be dropped
//	sqs/s/SPACE m MESSAGE   b                     the message, sealed by the queue's data key
//	sqs/s/SPACE m MESSAGE   s                     its state: times and counts
//	sqs/s/SPACE i SHARD     v visible, MESSAGE    one byte: has it been received?
//	sqs/s/SPACE i SHARD     x sent, MESSAGE       empty: for expiry
//
// Times in keys are microseconds since 1970, big endian. The one v record of a
// message is at the time from which it can be received, so what is ready is
// ordered before now, what is delayed or in flight after it, and a timeout that
// ends needs no work. A message's state is the truth, in a partition of its own,
// and the index follows it in the same update; indexes are written without being
// read, so that senders conflict with nobody and two receivers only when they
// claim the same message. Candidates are read from the index in a snapshot, and
// the claim checks them. The index has a few shards so that several nodes of a
// distributed engine do not all write to one partition.
//
// Deleted index records are a cost to an engine that marks deletions: a scan from
// the start would pass all of them. So each node remembers for each shard the
// time before which nothing is ready, and starts there; from time to time it
// starts at the beginning again, so that a write that took long to commit, or
// came from a node whose clock is behind, is found as well.
package sqs
