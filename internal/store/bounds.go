package store

import (
	"errors"
	"fmt"
)

// ErrInvalid: a question or write breaks a rule of the contract other than a
// size bound: an empty key part, a limit below 1, a reader used after its
// function returned. It is a mistake of the caller.
var ErrInvalid = errors.New("store: invalid argument")

// maxScanBound is one byte more than a sort key, because the first key after k
// is k with a zero byte behind it and may be the end of a span.
const maxScanBound = MaxSort + 1

// Validate reports a partition or sort key that is empty ([ErrInvalid]) or over
// its bound ([ErrTooLarge]).
func (k Key) Validate() error {
	if err := ValidatePartition(k.Partition); err != nil {
		return err
	}
	if len(k.Sort) == 0 {
		return fmt.Errorf("%w: the sort key is empty", ErrInvalid)
	}
	if len(k.Sort) > MaxSort {
		return fmt.Errorf("%w: sort key of %d bytes, at most %d are allowed", ErrTooLarge, len(k.Sort), MaxSort)
	}
	return nil
}

// ValidatePartition reports a partition key that is empty ([ErrInvalid]) or over
// its bound ([ErrTooLarge]).
func ValidatePartition(p []byte) error {
	if len(p) == 0 {
		return fmt.Errorf("%w: the partition key is empty", ErrInvalid)
	}
	return validatePrefix(p)
}

// Validate reports a span that no engine answers: an empty partition, a limit
// below 1 ([ErrInvalid]), or a part over its bound ([ErrTooLarge]).
func (s Span) Validate() error {
	if err := ValidatePartition(s.Partition); err != nil {
		return err
	}
	if n := max(len(s.Start), len(s.End)); n > maxScanBound {
		return fmt.Errorf("%w: span bound of %d bytes, at most %d are allowed", ErrTooLarge, n, maxScanBound)
	}
	return validateLimit(s.Limit)
}

// ValidateScanPrefix checks the arguments of [Store.ScanPrefix] and [Store.ScanCounters].
func ValidateScanPrefix(prefix []byte, after Key, limit int) error {
	if err := validatePrefix(prefix); err != nil {
		return err
	}
	if len(after.Partition) != 0 || len(after.Sort) != 0 {
		if err := after.Validate(); err != nil {
			return fmt.Errorf("after: %w", err)
		}
	}
	return validateLimit(limit)
}

// ValidateDropPrefix checks the argument of [Store.DropPrefix] and [Store.Expunge].
func ValidateDropPrefix(prefix []byte) error {
	if len(prefix) == 0 {
		return fmt.Errorf("%w: the prefix is empty", ErrInvalid)
	}
	return validatePrefix(prefix)
}

func validatePrefix(p []byte) error {
	if len(p) > MaxPartition {
		return fmt.Errorf("%w: partition key of %d bytes, at most %d are allowed", ErrTooLarge, len(p), MaxPartition)
	}
	return nil
}

func validateLimit(n int) error {
	if n < 1 {
		return fmt.Errorf("%w: limit is %d, must be at least 1", ErrInvalid, n)
	}
	if n > MaxScan {
		return fmt.Errorf("%w: limit is %d, at most %d are allowed", ErrTooLarge, n, MaxScan)
	}
	return nil
}
