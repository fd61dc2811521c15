package mapping

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// timeReader consumes a text item by item.
type timeReader struct {
	rest   string
	fields timeFields
}

// timeFields are the values that a pattern found, as SimpleDateFormat names
// them; set tells which letters occurred.
type timeFields struct {
	set        [128]bool
	value      [128]int
	beforeEra  bool
	afternoon  bool
	nanosecond int
	offset     int // seconds east of UTC
}

func (r *timeReader) read(i item) error {
	f := &r.fields
	switch {
	case i.letter == 0:
		tail, ok := strings.CutPrefix(r.rest, i.literal)
		if !ok {
			return fmt.Errorf("%q is missing", i.literal)
		}
		r.rest = tail
		return nil
	case i.letter == 'S':
		return r.fraction(i)
	case i.numeric():
		n, digits, err := r.number(i)
		if err != nil {
			return err
		}
		if i.letter == 'y' || i.letter == 'Y' {
			if i.count <= 2 && digits == 2 {
				if n += 1900; n < 1969 {
					n += 100
				}
			}
		}
		letter := i.letter
		if letter == 'L' {
			letter = 'M'
		}
		f.set[letter], f.value[letter] = true, n
		return nil
	}
	switch i.letter {
	case 'M', 'L':
		n, ok := r.word(monthNames)
		f.set['M'], f.value['M'] = true, n+1
		return missing(ok, "a month")
	case 'E':
		n, ok := r.word(dayNames)
		f.set['E'], f.value['E'] = true, n
		return missing(ok, "a day of the week")
	case 'a':
		n, ok := r.word([]string{"AM", "PM"})
		f.afternoon = n == 1
		return missing(ok, "AM or PM")
	case 'G':
		n, ok := r.word([]string{"AD", "CE", "BC"})
		f.beforeEra = n == 2
		return missing(ok, "an era")
	}
	var err error
	f.offset, r.rest, err = readZone(r.rest)
	return err
}

func missing(ok bool, what string) error {
	if !ok {
		return fmt.Errorf("%s is missing", what)
	}
	return nil
}

// maxDigits is enough for every field; a fraction may be as long.
const maxDigits = 9

func (r *timeReader) digits(i item) (string, error) {
	n := 0
	for n < len(r.rest) && r.rest[n] >= '0' && r.rest[n] <= '9' && (i.fixed == 0 || n < i.fixed) {
		n++
	}
	if n == 0 || n > maxDigits || n < i.fixed || n < i.least {
		return "", fmt.Errorf("a number is missing or has a wrong length (%c)", i.letter)
	}
	digits := r.rest[:n]
	r.rest = r.rest[n:]
	return digits, nil
}

func (r *timeReader) number(i item) (value, digits int, err error) {
	s, err := r.digits(i)
	for _, c := range []byte(s) {
		value = value*10 + int(c-'0')
	}
	return value, len(s), err
}

// fraction reads S: milliseconds, or a decimal fraction when there are more
// digits than milliseconds have.
func (r *timeReader) fraction(i item) error {
	s, err := r.digits(i)
	n := 0
	for _, c := range []byte(s) {
		n = n*10 + int(c-'0')
	}
	if len(s) <= 3 {
		n *= 1_000_000
	} else {
		for range maxDigits - len(s) {
			n *= 10
		}
	}
	r.fields.nanosecond = n
	return err
}

var (
	monthNames = []string{"January", "February", "March", "April", "May", "June", "July",
		"August", "September", "October", "November", "December"}
	dayNames = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// word reads one of the names, or the first three letters of one, in any case.
func (r *timeReader) word(names []string) (int, bool) {
	for _, length := range []int{0, 3} {
		for i, name := range names {
			if length > 0 && length < len(name) {
				name = name[:length]
			}
			if len(r.rest) >= len(name) && strings.EqualFold(r.rest[:len(name)], name) {
				r.rest = r.rest[len(name):]
				return i, true
			}
		}
	}
	return 0, false
}

// get returns a field within its range, or what stands for it.
func (f *timeFields) get(letter byte, low, high, otherwise int) (int, error) {
	if !f.set[letter] {
		return otherwise, nil
	}
	if v := f.value[letter]; v >= low && v <= high {
		return v, nil
	}
	return 0, fmt.Errorf("%c is not between %d and %d", letter, low, high)
}

func (f *timeFields) time(marked bool) (time.Time, error) {
	date, err := f.date()
	if err != nil {
		return time.Time{}, err
	}
	hour, err := f.hour(marked)
	if err != nil {
		return time.Time{}, err
	}
	minute, err := f.get('m', 0, 59, 0)
	if err != nil {
		return time.Time{}, err
	}
	second, err := f.get('s', 0, 59, 0)
	if err != nil {
		return time.Time{}, err
	}
	t := date.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second)
	return t.Add(time.Duration(f.nanosecond) - time.Duration(f.offset)*time.Second), nil
}

// hour is the hour of the day. Without an a in the pattern, h and K are taken
// as hours of the whole day, but 12 of h stays midnight.
func (f *timeFields) hour(marked bool) (int, error) {
	switch {
	case f.set['H']:
		return f.get('H', 0, 23, 0)
	case f.set['k']:
		h, err := f.get('k', 1, 24, 0)
		return h % 24, err
	}
	letter, low, high := byte('h'), 1, 12
	if f.set['K'] {
		letter, low, high = 'K', 0, 11
	}
	if !marked {
		low, high = 0, 23
	}
	h, err := f.get(letter, low, high, 0)
	if letter == 'h' && h == 12 {
		h = 0
	}
	if f.afternoon {
		h += 12
	}
	return h, err
}

// date resolves the most exact fields there are: the day of the month, the
// day of the year, a week of the month or of the year with a day of the week.
func (f *timeFields) date() (time.Time, error) {
	if f.beforeEra {
		return time.Time{}, errors.New("the year is not between 1 and 9999")
	}
	year, err := f.get('y', 1, 9999, 1970)
	if err == nil && f.set['Y'] && (f.set['w'] || !f.set['y']) {
		year, err = f.get('Y', 1, 9999, 1970)
	}
	if err != nil {
		return time.Time{}, err
	}
	month, err := f.get('M', 1, 12, 1)
	if err != nil {
		return time.Time{}, err
	}
	first := time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
	switch {
	case f.set['d']:
		day, err := f.get('d', 1, first.AddDate(0, 1, -1).Day(), 1)
		return first.AddDate(0, 0, day-1), err
	case f.set['D']:
		january := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		day, err := f.get('D', 1, january.AddDate(1, 0, -1).YearDay(), 1)
		return january.AddDate(0, 0, day-1), err
	}
	weekday, err := f.get('u', 1, 7, f.value['E'])
	if err != nil {
		return time.Time{}, err
	}
	return f.week(first, weekday%7)
}

// week resolves the fields that count weeks. As in Java's locale en-US a week
// begins on Sunday, and the first one is that of the first day.
func (f *timeFields) week(first time.Time, weekday int) (time.Time, error) {
	switch {
	case f.set['F']: // the n-th such day of the month
		n, err := f.get('F', 1, 5, 1)
		return first.AddDate(0, 0, (weekday-int(first.Weekday())+7)%7+7*(n-1)), err
	case f.set['W']:
		n, err := f.get('W', 1, 6, 1)
		return first.AddDate(0, 0, weekday-int(first.Weekday())+7*(n-1)), err
	case f.set['w']:
		first = time.Date(first.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
		n, err := f.get('w', 1, 54, 1)
		return first.AddDate(0, 0, weekday-int(first.Weekday())+7*(n-1)), err
	}
	return first, nil
}

// zones are the abbreviations read by name, in minutes east of UTC. Those
// with several meanings have that of Java's en-US names.
var zones = map[string]int{
	"Z": 0, "UTC": 0, "UT": 0, "GMT": 0, "WET": 0, "WEST": 60, "BST": 60,
	"CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "EET": 120, "EEST": 180, "MSK": 180,
	"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360,
	"PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600, "AST": -240, "ADT": -180,
	"NST": -210, "NDT": -150, "BRT": -180, "SAST": 120, "IST": 330, "SGT": 480, "HKT": 480,
	"JST": 540, "KST": 540, "AWST": 480, "ACST": 570, "ACDT": 630, "AEST": 600, "AEDT": 660,
	"NZST": 720, "NZDT": 780,
}

// readZone reads a zone at the beginning of s: an abbreviation, an offset, or
// GMT and UTC with an offset.
func readZone(s string) (seconds int, tail string, err error) {
	n := 0
	for n < len(s) && letterOrDigit(s[n]) && s[n] > '9' {
		n++
	}
	name := strings.ToUpper(s[:n])
	signed := n < len(s) && (s[n] == '+' || s[n] == '-')
	if n > 0 && !(signed && (name == "GMT" || name == "UTC")) {
		minutes, known := zones[name]
		return minutes * 60, s[n:], missing(known, "a known time zone")
	}
	if !signed {
		return 0, s, errors.New("a time zone is missing")
	}
	hours, minutes, tail, ok := readOffset(s[n+1:])
	if !ok || hours > 23 || minutes > 59 {
		return 0, s, errors.New("the time zone is not an offset such as +01:00")
	}
	seconds = hours*3600 + minutes*60
	if s[n] == '-' {
		seconds = -seconds
	}
	return seconds, tail, nil
}

// readOffset reads h, hh, hhmm, h:mm or hh:mm.
func readOffset(s string) (hours, minutes int, tail string, ok bool) {
	digits := 0
	for digits < len(s) && digits < 4 && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	at := func(i int) int { return int(s[i] - '0') }
	switch digits {
	case 1:
		hours = at(0)
	case 2:
		hours = at(0)*10 + at(1)
	case 4:
		return at(0)*10 + at(1), at(2)*10 + at(3), s[4:], true
	default:
		return 0, 0, s, false
	}
	s = s[digits:]
	if len(s) >= 3 && s[0] == ':' && all(s[1:3], func(c byte) bool { return c >= '0' && c <= '9' }) {
		return hours, at(1)*10 + at(2), s[3:], true
	}
	return hours, 0, s, true
}
