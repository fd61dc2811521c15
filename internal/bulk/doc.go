// Package bulk brings files of records into a domain: it reads them, hands them
// on in batches, counts and keeps what failed, and can go on where it stopped.
//
// What it promises:
//
//   - Memory is bounded whatever the size of the input: at most [MaxRecord]
//     bytes of one record, and a fixed number of batches under way.
//   - Every record is either acknowledged by the sink, or counted as failed and
//     written to the file of failures as a line that can be fed back as input. A
//     record that is too large to be held is the one exception: the file of
//     reasons says where in the input it is.
//   - What has been acknowledged is recorded in a checkpoint only once all that
//     comes before it in the input has been, and once the failures among it are
//     on disk. A run that was cut off, by kill -9 too, goes on from there: it may
//     hand on again records that had been acknowledged, in order, and loses none.
//     Since ingestion is an upsert by unique key, the outcome is that of a run
//     that was not disturbed, the files of failures included.
//   - Records reach the sink in the order of the input when there is one worker.
//     With several, batches may overtake each other.
//
// Inputs are JSON (one object, an array of objects, or objects one after the
// other), JSON lines, and CSV (RFC 4180, with a header); gzip and Zstandard are
// seen by their first bytes.
package bulk
