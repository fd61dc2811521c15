package sqs

import (
	"errors"

	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
)

// Limits of batches (API reference).
const (
	maxBatch   = 10
	maxEntryID = 80 // characters
)

// checkBatch checks the number of entries and their identifiers.
func checkBatch[E any](entries []E, entryID func(*E) string) error {
	if len(entries) == 0 {
		return fault.Named(fault.Invalid, "EmptyBatchRequest", "There should be at least one entry in the request.")
	}
	if len(entries) > maxBatch {
		return fault.Named(fault.Invalid, "TooManyEntriesInBatchRequest",
			"Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(entries))
	}
	seen := make(map[string]bool, len(entries))
	for i := range entries {
		e := entryID(&entries[i])
		// The characters and the length are those of the name of a queue.
		if len(e) > maxEntryID || !validQueueName(e) {
			return fault.Named(fault.Invalid, "InvalidBatchEntryId",
				"A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most %d letters long.", maxEntryID)
		}
		if seen[e] {
			return fault.Named(fault.Invalid, "BatchEntryIdsNotDistinct", "Id %s repeated.", e)
		}
		seen[e] = true
	}
	return nil
}

// failedEntry tells of an entry that failed; what is not the sender's fault is
// told without detail.
func failedEntry(entry string, err error) sqsapi.BatchResultErrorEntry {
	code, text, sender := "InternalError", "The service failed; try again.", false
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Internal {
		code, text, sender = f.Name, f.Message, f.Kind != fault.Busy
	}
	return sqsapi.BatchResultErrorEntry{Id: entry, SenderFault: sender, Code: code, Message: &text}
}
