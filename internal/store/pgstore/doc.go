// Package pgstore is the storage engine for many nodes: it keeps everything in a
// PostgreSQL database, plain or distributed by Citus, and any number of processes
// may have it open at once.
//
// # Tables
//
// Every table but the one row that describes the schema leads each statement with
// its bucket: a hash of the partition key of a fixed number of bits (see
// [Store.bucketOf]). Citus distributes the tables by it and keeps equal buckets
// together, and a bucket is what transactions lock.
//
//	kindred_record    bucket, part, sort, value
//	kindred_counter   bucket, part, sort, slot, n    the sum over slots is the counter
//	kindred_version   bucket, version                one row for each bucket of a distributed database
//	kindred_session   bucket, id, token              the last commit of each connection
//	kindred_schema    one row: version of the schema, bits of a bucket, distributed or not
//
// All statements are in statements.go, each with the scope that it may have.
//
// # Updates
//
// A run of an update reads outside of any transaction, at most one round trip for
// a call of Get, Scan or Count. Of each range that it reads, a key being one, it keeps
// by which transactions the records there were written (their xmin), see [look]. Its
// commit is one transaction, at READ COMMITTED, in one round trip:
//
//  1. Locks on all buckets, in ascending order: exclusive where it writes, shared
//     where it only read. They are advisory locks, which queue fairly, cost no
//     writing, and are held to the end of the transaction.
//  2. A comparison of what each range holds now with what it held. If that differs
//     the statement fails, and with it the transaction.
//  3. The writes.
//  4. The token of this commit, in the connection's own row of kindred_session.
//
// Whoever writes to a bucket holds its exclusive lock until its commit is visible,
// so after step 1 what step 2 compares stays as it is: the whole transaction
// takes place, in effect, at that moment, and transactions that conflict take
// place in the order in which they become visible. An update that writes nothing
// goes through steps 1 and 2 alone. One that keeps losing locks the buckets of its
// last run first, and runs then.
//
// Adding to a counter takes no bucket's lock: each connection adds to its own of a
// few rows, and reading sums them.
//
// # Views
//
// On plain PostgreSQL a view is a transaction at REPEATABLE READ, begun with its
// first read. A distributed database has no snapshot over several machines. There
// each call of Get, Scan or Count is a transaction that first locks, shared, the
// buckets that it reads from and those of the view's earlier calls, and compares
// the versions of the latter: so all that was read was in force together at the
// time of the last call. If a version differs the view's function runs again.
//
// # A distributed database
//
// Advisory locks are the coordinator's, and are gone when it restarts, which is
// when transactions that are prepared on workers and not yet finished there may
// still be around. So there an update reads a bucket's version before it reads from
// the bucket for the first time, and its commit compares versions, and raises those of
// the buckets that it writes to. The row of each bucket is locked by that, FOR SHARE
// or by its update: such locks are part of the prepared transaction. Then no
// correctness hangs on the advisory locks, which keep a stream of sharers from
// starving a writer. Statements are of one row or one bucket each, and so are
// routed to one worker.
//
// # Lost connections
//
// A read that fails because the connection or the server went away is made again,
// by running the function anew, for as long as Options.Patience. When a commit is
// lost on its way, the connection's session row tells whether it took place: the
// engine sets the row's token to one that no commit expects, waiting for a
// transaction that has it locked, and so both learns the outcome and makes sure
// that a commit which is still on its way somewhere cannot take place later.
package pgstore
