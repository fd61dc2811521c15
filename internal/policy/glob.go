package policy

import (
	"strings"
	"unicode/utf8"
)

// Compiled patterns hold wildcards as two bytes that occur in no valid UTF-8
// text, so that a literal '*' (an escape, or a substituted value) stays one.
const (
	anyRun byte = 0xFF // '*': any characters, also none
	anyOne byte = 0xFE // '?': one character
)

var wildcards = strings.NewReplacer("*", string([]byte{anyRun}), "?", string([]byte{anyOne}))

// hasWildcard reports whether a compiled pattern has a wildcard.
func hasWildcard(p string) bool {
	return strings.IndexByte(p, anyRun) >= 0 || strings.IndexByte(p, anyOne) >= 0
}

// glob reports whether the whole of s matches the compiled pattern p. With fold
// the ASCII letters of s are lowered before comparison (p is lower already).
//
// Only the last '*' seen is ever tried again: what an earlier one matched can
// stay, as the later can absorb the difference. So the time is at most
// proportional to len(p)*len(s).
func glob[P string | []byte](p P, s string, fold bool) bool {
	pi, si := 0, 0
	retryP, retryS := -1, 0
	for si < len(s) {
		if pi < len(p) {
			c := p[pi]
			if c == anyRun {
				pi++
				if pi == len(p) {
					return true
				}
				retryP, retryS = pi, si
				continue
			}
			if c == anyOne {
				si += runeLen(s[si:])
				pi++
				continue
			}
			d := s[si]
			if fold && 'A' <= d && d <= 'Z' {
				d += 'a' - 'A'
			}
			if c == d {
				pi++
				si++
				continue
			}
		}
		if retryP < 0 {
			return false
		}
		retryS += runeLen(s[retryS:])
		pi, si = retryP, retryS
	}
	for pi < len(p) && p[pi] == anyRun {
		pi++
	}
	return pi == len(p)
}

// runeLen is the length of the first character of s, which is not empty.
func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// arnColons is the number of colons before the resource part of an ARN:
// arn:partition:service:region:account:resource.
const arnColons = 5

// matchARN matches an ARN, or the "*" that stands for the resource of an action
// without one, with a compiled pattern.
//
// The IAM User Guide ("IAM JSON policy elements: Resource") has wildcards work
// within the segments of an ARN, '/' being an ordinary character, and adds that
// a '*' at the end of a segment "can" reach over the following colons. The
// first five segments are therefore matched one by one, the resource part as a
// whole, colons included. A pattern of fewer than six segments (such as
// "arn:aws:sqs:*") can only mean the wider reading and is matched as plain text.
// With wide every pattern is; callers ask for it where matching more grants
// less (Deny, and the exceptions of an Allow), so that an ARN with colons in
// its resource part cannot slip past.
func matchARN[P string | []byte](p P, arn string, wide bool) bool {
	if wide || countColons(p) < arnColons {
		return glob(p, arn, false)
	}
	for range arnColons {
		i, j := indexColon(p), strings.IndexByte(arn, ':')
		if j < 0 || !glob(p[:i], arn[:j], false) {
			return false
		}
		p, arn = p[i+1:], arn[j+1:]
	}
	return glob(p, arn, false)
}

func indexColon[P string | []byte](p P) int {
	for i := range len(p) {
		if p[i] == ':' {
			return i
		}
	}
	return -1
}

func countColons[P string | []byte](p P) int {
	n := 0
	for i := range len(p) {
		if p[i] == ':' {
			n++
		}
	}
	return n
}
