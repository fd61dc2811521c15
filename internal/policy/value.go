package policy

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// number is a decimal number: exact as an integer of 64 bits where it is one,
// otherwise a float.
type number struct {
	exact   bool
	integer int64
	float   float64
}

// parseNumber reads digits with an optional sign, fraction and exponent.
func parseNumber(s string) (number, bool) {
	if len(s) == 0 || len(s) > 64 || strings.Trim(s, "0123456789+-.eE") != "" {
		return number{}, false // also keeps out what ParseFloat alone would take: Inf, NaN, hexadecimal, _
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return number{}, false
	}
	i, err := strconv.ParseInt(s, 10, 64)
	return number{exact: err == nil, integer: i, float: f}, true
}

func (n number) compare(m number) int {
	if n.exact && m.exact {
		return cmp.Compare(n.integer, m.integer)
	}
	return cmp.Compare(n.float, m.float)
}

// dateLayouts are the profiles of ISO 8601 in the W3C note "Date and Time
// Formats", which the IAM User Guide refers to, and the same without zone,
// taken as UTC. A fraction of a second is read with any that has seconds.
var dateLayouts = []string{
	time.RFC3339,
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02T15:04",
	"2006-01-02",
	"2006-01",
	"20060102T150405Z", // the basic form, as in X-Amz-Date
}

// parseDate reads an ISO 8601 date or a number of seconds since 1970. Four
// digits are a year.
func parseDate(s string) (time.Time, bool) {
	if len(s) == 0 || len(s) > 40 {
		return time.Time{}, false
	}
	if strings.Trim(s, "0123456789") == "" {
		if len(s) == 4 {
			t, err := time.Parse("2006", s)
			return t, err == nil
		}
		sec, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(sec, 0).UTC(), err == nil && sec < 1<<40
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseBool reads true and false in any case.
func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseNetwork reads an address, which is a network of one, or a network in
// CIDR notation (RFC 4632, RFC 4291). Bits beyond the prefix are ignored.
func parseNetwork(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}
