package mapping

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a time format and of the text it reads.
const (
	MaxTimeFormatLength = 255
	MaxTimeLength       = 255
)

// epochMilli is the one format that is no pattern, in any case of letters.
const epochMilli = "EpochMilli"

// TimeFormat reads the times of records: a compiled
// SourceLastUpdatedTimestampFormat. It is safe for concurrent use.
//
// It is either the word EpochMilli (milliseconds since 1970 as a number, a
// fraction allowed) or a pattern of Java's SimpleDateFormat with the letters
// G y Y M L d D E u w W F a H k K h m s S z Z X, quoted text and ” for a
// quote, as the class documents them for the locale en-US. It differs where
// Java guesses:
//
//   - the whole text must match, and values out of range (the 31st of April)
//     are refused rather than carried over; only h and K without an a accept
//     the hours of a whole day, since such patterns are common and work;
//   - S with up to three digits is a number of milliseconds, with more it is
//     a decimal fraction of a second;
//   - Y without w is the year, as its writer meant;
//   - yy is a year from 1969 to 2068;
//   - z, Z and X all read an offset (+0100, +01:00, +01, GMT+1), Z, UTC, GMT
//     or one of the common abbreviations;
//   - without a zone a time is in UTC.
type TimeFormat struct {
	pattern string
	items   []item // nil for EpochMilli
	marked  bool   // the pattern has an a
}

// item is a pattern letter with its count, or literal text.
type item struct {
	letter  byte // 0 for literal text
	count   int
	literal string
	// fixed is how many digits a number has when another number follows it
	// without a separator (yyyyMMdd); 0 is as many as there are.
	fixed int
	// least is how many digits a number has at least: all that the pattern
	// shows when it follows another number without a separator.
	least int
}

const numberLetters = "yYMLdDuwWFHkKhmsS"

// CompileTimeFormat compiles a format. The error is a *SyntaxError.
func CompileTimeFormat(pattern string) (*TimeFormat, error) {
	f := &TimeFormat{pattern: pattern}
	if strings.EqualFold(pattern, epochMilli) {
		return f, nil
	}
	if err := f.compile(pattern); err != nil {
		return nil, &SyntaxError{What: "time format", Text: pattern, Reason: err.Error()}
	}
	return f, nil
}

func (f *TimeFormat) compile(pattern string) error {
	if !utf8.ValidString(pattern) || utf8.RuneCountInString(pattern) > MaxTimeFormatLength {
		return fmt.Errorf("at most %d characters of UTF-8", MaxTimeFormatLength)
	}
	letters := false
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, n, err := quotedText(pattern[i:])
			if err != nil {
				return err
			}
			f.addLiteral(text)
			i += n
		case letterOrDigit(c) && (c < '0' || c > '9'):
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			if !strings.ContainsRune(numberLetters+"GEazZX", rune(c)) {
				return fmt.Errorf("the letter %c is not supported; quote it ('%c') if it is text", c, c)
			}
			if c == 'X' && n > 3 {
				return fmt.Errorf("at most XXX")
			}
			letters = true
			f.marked = f.marked || c == 'a'
			f.items = append(f.items, item{letter: c, count: n})
			i += n
		default:
			f.addLiteral(pattern[i : i+1])
			i++
		}
	}
	if !letters {
		return fmt.Errorf("it is neither %s nor a pattern with date or time letters", epochMilli)
	}
	for i := range len(f.items) - 1 {
		if f.items[i].numeric() && f.items[i+1].numeric() {
			f.items[i].fixed = f.items[i].count
			f.items[i+1].least = f.items[i+1].count
		}
	}
	return nil
}

func (i item) numeric() bool {
	if (i.letter == 'M' || i.letter == 'L') && i.count > 2 {
		return false
	}
	return i.letter != 0 && strings.IndexByte(numberLetters, i.letter) >= 0
}

func (f *TimeFormat) addLiteral(s string) {
	if n := len(f.items); n > 0 && f.items[n-1].letter == 0 {
		f.items[n-1].literal += s
		return
	}
	f.items = append(f.items, item{literal: s})
}

// quotedText reads '…' at the beginning of s; two quotes stand for one.
func quotedText(s string) (text string, length int, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), i + 1, nil
		}
		b.WriteByte('\'')
		i++
	}
	return "", 0, errors.New("a quote is not closed")
}

// String returns the format as it was written.
func (f *TimeFormat) String() string { return f.pattern }

// Parse reads a time, in UTC and to the microsecond, between the years 1 and
// 9999. Errors name the format and the rule, and repeat nothing of the text.
func (f *TimeFormat) Parse(text string) (time.Time, error) {
	t, err := f.parse(text)
	if err == nil && (t.Year() < 1 || t.Year() > 9999) {
		err = errors.New("the year is not between 1 and 9999")
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("the time is not in the format %s: %w", quoted(f.pattern), err)
	}
	return t.Truncate(time.Microsecond), nil
}

func (f *TimeFormat) parse(text string) (time.Time, error) {
	if len(text) > MaxTimeLength {
		return time.Time{}, fmt.Errorf("it has more than %d characters", MaxTimeLength)
	}
	if f.items == nil {
		return parseMillis(strings.TrimSpace(text))
	}
	r := timeReader{rest: text}
	for _, i := range f.items {
		if err := r.read(i); err != nil {
			return time.Time{}, err
		}
	}
	if r.rest != "" {
		return time.Time{}, errors.New("more text follows")
	}
	return r.fields.time(f.marked)
}

// parseMillis reads a count of milliseconds. Programs write large numbers as
// 1.7E12 too.
func parseMillis(text string) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(n).UTC(), nil
	}
	mantissa, exponent, scaled := strings.Cut(strings.ToLower(text), "e")
	if e, err := strconv.Atoi(exponent); scaled && (err != nil || e < -30 || e > 30) ||
		strings.Trim(mantissa, "0123456789.-+") != "" {
		return time.Time{}, errors.New("it is not a number of milliseconds")
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return time.Time{}, errors.New("it is not a number of milliseconds")
	}
	r.Mul(r, big.NewRat(1000, 1))
	micros := new(big.Int).Div(r.Num(), r.Denom())
	if !micros.IsInt64() {
		return time.Time{}, errors.New("the year is not between 1 and 9999")
	}
	return time.UnixMicro(micros.Int64()).UTC(), nil
}
