// Package content knows the content types of fields and the normal form that
// a value has in an index: two values that a search or a match takes for the
// same have the same normal form. The values written to profiles are not
// changed by it.
//
// A normal form depends on nothing but the type, the value and, for telephone
// numbers, the country, and is its own normal form.
package content

import (
	"fmt"
	"math/big"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Type is the ContentType of a field, by the names of the API. The zero Type
// is STRING, the default of the API.
type Type uint8

// The content types.
const (
	STRING Type = iota
	NUMBER
	PHONE_NUMBER
	EMAIL_ADDRESS
	NAME
)

var typeNames = [...]string{STRING: "STRING", NUMBER: "NUMBER", PHONE_NUMBER: "PHONE_NUMBER", EMAIL_ADDRESS: "EMAIL_ADDRESS", NAME: "NAME"}

// ParseType returns the type of that name; no name is STRING.
func ParseType(name string) (Type, error) {
	if name == "" {
		return STRING, nil
	}
	for t, n := range typeNames {
		if n == name {
			return Type(t), nil
		}
	}
	return STRING, fmt.Errorf("ContentType: one of %s", strings.Join(typeNames[:], ", "))
}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// Normalize returns the normal form of a value, "" when nothing is left.
//
//   - STRING: the value as it is.
//   - NUMBER: the decimal number without exponent, sign of zero and needless
//     zeros (+1.50e2 is 150); what is no number, or would be longer than 256
//     digits, is its text without blanks around it.
//   - EMAIL_ADDRESS: without blanks around it and without regard to case.
//   - NAME: the same, and each run of blanks is one space.
//   - PHONE_NUMBER: E.164, with ";ext=" when there is an extension; see
//     normalizePhone for the rest. country (ISO 3166 alpha-2, DefaultCountry
//     when empty) is where a number without + was written.
//
// Case is Unicode case folding (ß is ss), and the text is in NFC.
func Normalize(t Type, value, country string) string {
	switch t {
	case NUMBER:
		return normalizeNumber(strings.TrimSpace(value))
	case PHONE_NUMBER:
		return normalizePhone(value, country)
	case EMAIL_ADDRESS:
		return fold(strings.TrimSpace(value))
	case NAME:
		return fold(collapse(value))
	}
	return value
}

// Combine joins the normal forms of the fields of one key into the value of
// the key. The separator is a single space, because a key of several fields
// is searched with one text, and people write the fields that way (the
// predefined _fullName does); empty values leave no gap. So ("a b", "c") and
// ("a", "b c") are the same value, as they are to whoever searches for it.
func Combine(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	var b strings.Builder
	for _, v := range values {
		if v == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(v)
	}
	return b.String()
}

// collapse trims s and makes each run of blanks one space.
func collapse(s string) string {
	previous := true // a blank at the beginning is one too many
	for _, r := range s {
		blank := unicode.IsSpace(r)
		if blank && (previous || r != ' ') {
			return strings.Join(strings.Fields(s), " ")
		}
		previous = blank
	}
	if previous {
		return strings.TrimSpace(s)
	}
	return s
}

// fold returns s without differences of case, in NFC.
func fold(s string) string {
	upper := false
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return foldUnicode(s)
		}
		upper = upper || s[i] >= 'A' && s[i] <= 'Z'
	}
	if upper {
		return strings.ToLower(s)
	}
	return s
}

// foldUnicode is the canonical caseless form of the Unicode Standard, section
// 3.13, composed: decomposing first makes one round enough.
func foldUnicode(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	c := folders.Get().(*cases.Caser)
	defer folders.Put(c)
	return norm.NFC.String(strings.Map(cherokee, c.String(norm.NFD.String(s))))
}

// cherokee folds the small Cherokee letters to the capital ones, as Unicode
// does; the library turns each case into the other.
func cherokee(r rune) rune {
	switch {
	case r >= 0xAB70 && r <= 0xABBF:
		return r - 0xAB70 + 0x13A0
	case r >= 0x13F8 && r <= 0x13FD:
		return r - 8
	}
	return r
}

// folders are reused, because a Caser must not be shared while it works.
var folders = sync.Pool{New: func() any {
	c := cases.Fold()
	return &c
}}

// maxDigits bounds the normal form of a number; a longer one is kept as text.
const maxDigits = 256

// normalizeNumber returns the normal form of a number, or s itself.
func normalizeNumber(s string) string {
	if n := len(s); n > 0 && n <= 18 && s[0] >= '1' && s[0] <= '9' && allDigits(s) || s == "0" {
		return s
	}
	if len(s) > 2*maxDigits {
		return s
	}
	negative, whole, fraction, exponent, ok := splitNumber(s)
	if !ok {
		return s
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	// The value is digits × 10^scale.
	scale := exponent - len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	scale += len(digits) - len(trimmed)
	digits = trimmed
	if len(digits)+scale > maxDigits || -scale > maxDigits {
		return s
	}
	switch {
	case scale >= 0:
		digits += strings.Repeat("0", scale)
	case -scale < len(digits):
		point := len(digits) + scale
		digits = digits[:point] + "." + digits[point:]
	default:
		digits = "0." + strings.Repeat("0", -scale-len(digits)) + digits
	}
	if negative {
		return "-" + digits
	}
	return digits
}

// splitNumber reads [+-]digits[.digits][e[+-]digits], with a digit on at
// least one side of the point.
func splitNumber(s string) (negative bool, whole, fraction string, exponent int, ok bool) {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		negative, s = s[0] == '-', s[1:]
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if exponent, ok = readExponent(s[i+1:]); !ok {
			return false, "", "", 0, false
		}
		s = s[:i]
	}
	whole, fraction, _ = strings.Cut(s, ".")
	ok = len(whole)+len(fraction) > 0 && allDigits(whole) && allDigits(fraction)
	return negative, whole, fraction, exponent, ok
}

// readExponent reads an exponent that could matter within maxDigits.
func readExponent(s string) (int, bool) {
	digits := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
	}
	if digits == "" || !allDigits(digits) {
		return 0, false
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || !n.IsInt64() || n.Int64() > 4*maxDigits || n.Int64() < -4*maxDigits {
		return 0, false
	}
	return int(n.Int64()), true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
