package content

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// DefaultCountry is where telephone numbers without + are taken to be from
// when nothing else is said.
const DefaultCountry = "US"

// maxPhoneLength is what is read as a telephone number, in bytes; a field of
// a profile is not longer.
const maxPhoneLength = 255

// unparsed marks the normal form of what is no telephone number, so that it
// never equals one.
const unparsed = "~"

// normalizePhone returns the E.164 form of a number that could exist: the
// lengths of its country are checked and not whether the number is assigned,
// since 555 numbers and new ranges must be found too. National and
// international prefixes, letters (1-800-FLOWERS), extensions and tel: URIs
// are read as libphonenumber does.
//
// Anything else (short codes, local numbers without an area code, addresses)
// becomes ~ and its letters and digits in lower case. Text without a digit is
// nothing: otherwise all "anonymous" callers would be the same one.
func normalizePhone(value, country string) string {
	if country == "" {
		country = DefaultCountry
	}
	if number, ok := northAmerican(value, country); ok {
		return number
	}
	if isUnparsed(value) {
		return value
	}
	if number, ok := parsePhone(value, country); ok {
		return number
	}
	return fallback(value)
}

// parsePhone asks the library, and asks it again about its answer when that
// begins with a digit that numbering plans use as a prefix: what looks like a
// second prefix would be taken off when the normal form is read.
func parsePhone(value, country string) (string, bool) {
	if len(value) > maxPhoneLength {
		return "", false
	}
	if !ValidCountry(country) {
		country = "ZZ" // the library's name for no country: only +… is a number
	}
	number, settled, ok := parseOnce(value, country)
	for tries := 0; ok && !settled; tries++ {
		previous := number
		number, _, ok = parseOnce(previous, country)
		settled = number == previous
		ok = ok && (settled || tries < maxRereads)
	}
	return number, ok
}

// maxRereads bounds how often an answer is read again; a number that never
// settles is none.
const maxRereads = 4

// parseOnce returns the form of a possible number. settled says that reading
// the form again gives the same.
func parseOnce(value, country string) (number string, settled, ok bool) {
	n, err := phonenumbers.Parse(value, country)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE {
		return "", false, false
	}
	national := phonenumbers.GetNationalSignificantNumber(n)
	number = "+" + strconv.Itoa(int(n.GetCountryCode())) + national
	if x := n.GetExtension(); x != "" {
		number += ";ext=" + x
	}
	return number, national[0] >= '2' && national[0] <= '7', true
}

// northAmerican reads the usual ways to write a number of the North American
// plan (+1 206 345 7890, 1-206-345-7890, (206) 345-7890) without the library,
// which takes two orders of magnitude longer. It knows fewer forms and gives
// the same answers.
func northAmerican(value, country string) (string, bool) {
	if len(value) > 32 {
		return "", false
	}
	var digits [12]byte
	n := 0
	plus := false
	for i := range len(value) {
		switch c := value[i]; {
		case c >= '0' && c <= '9':
			if n == len(digits) {
				return "", false
			}
			digits[n] = c
			n++
		case c == '+':
			if plus || n > 0 {
				return "", false
			}
			plus = true
		case c != ' ' && c != '(' && c != ')' && c != '-' && c != '.':
			return "", false
		}
	}
	national := digits[:n]
	switch {
	case n == 11 && digits[0] == '1':
		national = digits[1:n]
	case n != 10 || plus:
		return "", false
	}
	if national[0] < '2' || !plus && !sharesPlus1(country) {
		return "", false
	}
	if plus && value == "+1"+string(national) {
		return value, true
	}
	return "+1" + string(national), true
}

// sharesPlus1 reports whether a country is in the North American plan.
func sharesPlus1(country string) bool {
	return country == "US" || country == "CA" || phonenumbers.IsNANPACountry(country)
}

func isUnparsed(value string) bool {
	return strings.HasPrefix(value, unparsed) && value == fallback(value)
}

// fallback keeps letters and digits.
func fallback(value string) string {
	var b strings.Builder
	b.WriteString(unparsed)
	digit := false
	for _, r := range value {
		if unicode.IsDigit(r) {
			digit = true
		} else if !unicode.IsLetter(r) {
			continue
		}
		b.WriteRune(unicode.ToLower(r))
	}
	if !digit {
		return ""
	}
	return b.String()
}

// ValidCountry reports whether code is an ISO 3166 alpha-2 code, in capital
// letters, of a country with a telephone numbering plan.
func ValidCountry(code string) bool {
	return len(code) == 2 && phonenumbers.GetCountryCodeForRegion(code) != 0
}
