package wire

import (
	"bytes"
	"encoding/base64"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"kindred/internal/api"
)

// The forms of values, as messages tell them.
const (
	wantString    = "must be a string"
	wantInteger   = "must be an integer of 32 bits"
	wantLong      = "must be an integer of 64 bits"
	wantDouble    = "must be a finite number"
	wantBoolean   = "must be true or false"
	wantTimestamp = "must be a timestamp: seconds since 1970 or text in ISO 8601 or HTTP form, in the years 1 to 9999"
	wantBlob      = "must be base64 text"
	wantList      = "must be a list"
	wantObject    = "must be an object"
	wantUTF8      = "must be UTF-8 text"
	wantElement   = "must not be null"
)

// Fields hold a simple type or a pointer to it; v is the field.

func setString(v reflect.Value, pointer bool, s string) {
	if pointer {
		*v.Addr().Interface().(**string) = &s
		return
	}
	v.SetString(s)
}

func setInteger(v reflect.Value, pointer bool, typ api.Type, n int64) {
	switch {
	case !pointer:
		v.SetInt(n)
	case typ == api.Integer:
		i := int(n)
		*v.Addr().Interface().(**int) = &i
	default:
		*v.Addr().Interface().(**int64) = &n
	}
}

func setDouble(v reflect.Value, pointer bool, f float64) {
	if pointer {
		*v.Addr().Interface().(**float64) = &f
		return
	}
	v.SetFloat(f)
}

func setBoolean(v reflect.Value, pointer, b bool) {
	if pointer {
		*v.Addr().Interface().(**bool) = &b
		return
	}
	v.SetBool(b)
}

func setTime(v reflect.Value, pointer bool, t time.Time) {
	if pointer {
		*v.Addr().Interface().(**time.Time) = &t
		return
	}
	*v.Addr().Interface().(*time.Time) = t
}

// simple sets a value of a simple type from text: a label, a query parameter, a
// header or a form value.
func (c *checker) simple(p *plan, v reflect.Value, pointer bool, text string) error {
	switch p.typ {
	case api.String:
		if !utf8.ValidString(text) {
			return c.malformed(wantUTF8)
		}
		c.text(p, text, false)
		setString(v, pointer, text)
	case api.Integer, api.Long:
		n, ok := parseInteger(text, p.typ)
		if !ok {
			return c.malformed(wantForm(p.typ))
		}
		c.integer(p, n)
		setInteger(v, pointer, p.typ, n)
	case api.Double:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return c.malformed(wantDouble)
		}
		c.double(p, f)
		setDouble(v, pointer, f)
	case api.Boolean:
		switch text {
		case "true", "false":
			setBoolean(v, pointer, text == "true")
		default:
			return c.malformed(wantBoolean)
		}
	case api.Timestamp:
		t, ok := parseTime(text)
		if !ok {
			return c.malformed(wantTimestamp)
		}
		setTime(v, pointer, t)
	case api.Blob:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return c.malformed(wantBlob)
		}
		c.length(p, len(b))
		v.SetBytes(b)
	default:
		panic("wire: " + p.shape.Name + " cannot be written as plain text")
	}
	return nil
}

func wantForm(t api.Type) string {
	if t == api.Integer {
		return wantInteger
	}
	return wantLong
}

// parseInteger reads an integer of the type's size. A number with a fraction of
// zero or an exponent, which some JSON writers make of whole numbers, counts.
func parseInteger(text string, typ api.Type) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return 0, false
		}
		n = int64(f)
	}
	if typ == api.Integer && (n < math.MinInt32 || n > math.MaxInt32) {
		return 0, false
	}
	return n, true
}

const (
	minSeconds = -62135596800 // year 1
	maxSeconds = 253402300799 // end of year 9999
)

// parseTime reads a timestamp from text. Milliseconds are kept, the precision
// with which timestamps are written.
func parseTime(text string) (time.Time, bool) {
	if t, ok := parseEpoch(text); ok {
		return t, true
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		if t, err = http.ParseTime(text); err != nil {
			return time.Time{}, false
		}
	}
	if s := t.Unix(); s < minSeconds || s > maxSeconds {
		return time.Time{}, false
	}
	return t.UTC().Truncate(time.Millisecond), true
}

// parseEpoch reads seconds since 1970.
func parseEpoch(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < minSeconds || n > maxSeconds {
			return time.Time{}, false
		}
		return time.Unix(n, 0).UTC(), true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= minSeconds && f < maxSeconds+1) {
		return time.Time{}, false
	}
	// A double holds these seconds to better than a millisecond.
	return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), true
}

// appendEpoch writes seconds since 1970 with at most three decimals.
func appendEpoch(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		dst = append(dst, '-')
		ms = -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	if frac := int(ms % 1000); frac != 0 {
		decimals := [4]byte{'.', byte('0' + frac/100), byte('0' + frac/10%10), byte('0' + frac%10)}
		dst = append(dst, bytes.TrimRight(decimals[:], "0")...)
	}
	return dst
}
