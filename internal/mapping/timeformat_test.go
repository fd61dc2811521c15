package mapping_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"kindred/internal/mapping"
)

func TestTimeFormats(t *testing.T) {
	for _, tt := range []struct{ format, text, want string }{
		{"EpochMilli", "1709210096789", "2024-02-29T12:34:56.789Z"},
		{"EPOCHMILLI", "1709210096789", "2024-02-29T12:34:56.789Z"},
		{"epochmilli", " 0 ", "1970-01-01T00:00:00Z"},
		{"EpochMilli", "-1", "1969-12-31T23:59:59.999Z"},
		{"EpochMilli", "1709210096789.1239", "2024-02-29T12:34:56.789123Z"},
		{"EpochMilli", "1709210096789.0", "2024-02-29T12:34:56.789Z"},
		{"EpochMilli", "1.709210096789E12", "2024-02-29T12:34:56.789Z"},

		{"yyyy-MM-dd'T'HH:mm:ss'Z'", "2024-02-29T12:34:56Z", "2024-02-29T12:34:56Z"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2024-02-29T12:34:56.789Z", "2024-02-29T12:34:56.789Z"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSX", "2024-02-29T12:34:56.789+01", "2024-02-29T11:34:56.789Z"},
		{"yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:34:56-05:30", "2024-02-29T18:04:56Z"},
		{"yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:34:56Z", "2024-02-29T12:34:56Z"},
		{"yyyy-MM-dd'T'HH:mm:ssZ", "2024-02-29T12:34:56+0100", "2024-02-29T11:34:56Z"},
		{"yyyy-MM-dd HH:mm:ss.SSSSSS", "2024-02-29 12:34:56.123456", "2024-02-29T12:34:56.123456Z"},
		{"yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "2024-02-29 12:34:56.123456789", "2024-02-29T12:34:56.123456Z"},
		{"yyyy-MM-dd HH:mm:ss.S", "2024-02-29 12:34:56.5", "2024-02-29T12:34:56.005Z"},
		{"yyyyMMddHHmmss", "20240229123456", "2024-02-29T12:34:56Z"},
		{"yyyyMMddHHmmssSSS", "20240229123456789", "2024-02-29T12:34:56.789Z"},
		{"yyyy-MM-dd", "2024-02-29", "2024-02-29T00:00:00Z"},
		{"yyyy-M-d H:m:s", "2024-2-9 1:2:3", "2024-02-09T01:02:03Z"},
		{"dd/MM/yy", "29/02/24", "2024-02-29T00:00:00Z"},
		{"dd/MM/yy", "01/01/69", "1969-01-01T00:00:00Z"},
		{"dd/MM/yy", "01/01/68", "2068-01-01T00:00:00Z"},
		{"dd/MM/yy", "01/01/1968", "1968-01-01T00:00:00Z"},
		{"MM/dd/yyyy hh:mm a", "02/29/2024 12:05 am", "2024-02-29T00:05:00Z"},
		{"MM/dd/yyyy hh:mm a", "02/29/2024 12:05 PM", "2024-02-29T12:05:00Z"},
		{"MM/dd/yyyy hh:mm a", "02/29/2024 01:05 PM", "2024-02-29T13:05:00Z"},
		{"MM/dd/yyyy KK:mm a", "02/29/2024 00:05 PM", "2024-02-29T12:05:00Z"},
		{"yyyy-MM-dd hh:mm:ss", "2024-02-29 14:30:00", "2024-02-29T14:30:00Z"},
		{"yyyy-MM-dd kk:mm", "2024-02-29 24:30", "2024-02-29T00:30:00Z"},
		{"EEE, d MMM yyyy HH:mm:ss z", "Thu, 29 Feb 2024 12:34:56 GMT", "2024-02-29T12:34:56Z"},
		{"EEE, d MMM yyyy HH:mm:ss z", "Thu, 29 Feb 2024 12:34:56 PST", "2024-02-29T20:34:56Z"},
		{"EEE MMM dd HH:mm:ss zzz yyyy", "thu FEB 29 12:34:56 cest 2024", "2024-02-29T10:34:56Z"},
		{"EEEE d MMMM yyyy G", "Thursday 29 February 2024 AD", "2024-02-29T00:00:00Z"},
		{"d LLL yyyy", "29 February 2024", "2024-02-29T00:00:00Z"},
		{"yyyy-MM-dd HH:mm z", "2024-02-29 12:34 GMT+05:30", "2024-02-29T07:04:00Z"},
		{"yyyy-MM-dd HH:mm z", "2024-02-29 12:34 UTC-3", "2024-02-29T15:34:00Z"},
		{"yyyy-DDD", "2024-060", "2024-02-29T00:00:00Z"},
		{"YYYY-MM-dd", "2024-02-29", "2024-02-29T00:00:00Z"},
		{"YYYY-'W'ww-u", "2024-W09-4", "2024-02-29T00:00:00Z"},
		{"YYYY ww EEE", "2024 01 Sun", "2023-12-31T00:00:00Z"},
		{"yyyy-MM W u", "2024-02 5 4", "2024-02-29T00:00:00Z"},
		{"yyyy-MM F EEE", "2024-02 5 Thu", "2024-02-29T00:00:00Z"},
		{"h 'o''clock' a", "7 o'clock PM", "1970-01-01T19:00:00Z"},
		{"yyyy''MM", "2024'02", "2024-02-01T00:00:00Z"},
		{"yyyy年MM月dd日", "2024年02月29日", "2024-02-29T00:00:00Z"},
	} {
		format, err := mapping.CompileTimeFormat(tt.format)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := format.Parse(tt.text)
		if err != nil || got.Location() != time.UTC || got.Format(time.RFC3339Nano) != tt.want {
			t.Errorf("%s of %q = %v, %v, want %s", tt.format, tt.text, got.Format(time.RFC3339Nano), err, tt.want)
		}
		if format.String() != tt.format {
			t.Errorf("String() = %q, want %q", format, tt.format)
		}
	}
}

func TestTimesThatDoNotMatch(t *testing.T) {
	for _, tt := range []struct{ format, text string }{
		{"EpochMilli", ""}, {"EpochMilli", "2024-02-29"}, {"EpochMilli", "1e400"}, {"EpochMilli", "1/2"},
		{"EpochMilli", "0x10"}, {"EpochMilli", "1e-31"}, {"EpochMilli", "99999999999999999"}, {"EpochMilli", "1e29"},
		{"EpochMilli", "9223372036854775807"}, {"EpochMilli", strings.Repeat("1", 256)}, {"EpochMilli", "1.2.3"}, {"EpochMilli", "inf"},
		{"yyyy-MM-dd", ""}, {"yyyy-MM-dd", "2024-02"}, {"yyyy-MM-dd", "2024-02-30"}, {"yyyy-MM-dd", "2023-02-29"},
		{"yyyy-MM-dd", "2024-13-01"}, {"yyyy-MM-dd", "2024-00-01"}, {"yyyy-MM-dd", "2024-02-29T00:00"},
		{"yyyy-MM-dd", " 2024-02-29"}, {"yyyy-MM-dd", "0000-01-01"}, {"yyyy-MM-dd", "10000-01-01"}, {"yyyy-MM-dd", "-2024-01-01"},
		{"yyyy-MM-dd", "12345678901-01-01"},
		{"HH:mm", "24:00"}, {"HH:mm", "12:60"}, {"mm:ss", "00:60"}, {"hh:mm a", "13:00 PM"}, {"hh:mm a", "00:00 PM"}, {"kk", "0"}, {"KK a", "12 PM"}, {"hh", "24"},
		{"MMM", "Foo"}, {"EEE", "Foo"}, {"a", "xm"}, {"G", "XX"}, {"yyyy G", "1 BC"},
		{"z", "XYZ"}, {"z", ""}, {"z", "+"}, {"z", "+123"}, {"z", "+24:00"}, {"z", "+01:60"}, {"z", "PST+1"}, {"z", "America/Oslo"},
		{"yyyy-DDD", "2023-366"}, {"YYYY-ww", "2024-55"}, {"yyyy-MM F E", "2024-02 6 Mon"}, {"u", "8"}, {"W", "7"},
		{"yyyyMMdd", "2024022"}, {"SSS", "x"}, {"SSS", "1234567890"},
		{"yyyyXXX", "0001+01:00"},
	} {
		format, err := mapping.CompileTimeFormat(tt.format)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := format.Parse(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.format) {
			t.Errorf("%s of %.40q = %v, %v", tt.format, tt.text, got, err)
		}
	}
}

func TestRefusedTimeFormats(t *testing.T) {
	for format, reason := range map[string]string{
		"":                       "neither EpochMilli nor a pattern",
		"EpochSecond":            "the letter p is not supported",
		"yyyy-MM-ddTHH:mm:ss":    "the letter T is not supported",
		"yyyy-MM-dd VV":          "the letter V is not supported",
		"yyyy 'open":             "a quote is not closed",
		"'text'":                 "neither EpochMilli nor a pattern",
		"--":                     "neither EpochMilli nor a pattern",
		"yyyy XXXX":              "at most XXX",
		"yyyy\xff":               "UTF-8",
		strings.Repeat("y", 256): "at most 255 characters",
	} {
		var syntax *mapping.SyntaxError
		if _, err := mapping.CompileTimeFormat(format); !errors.As(err, &syntax) || !strings.Contains(err.Error(), reason) {
			t.Errorf("CompileTimeFormat(%q): %v, want %q", format, err, reason)
		}
	}
}

func FuzzTimeFormat(f *testing.F) {
	for _, s := range [][2]string{
		{"EpochMilli", "1709210096789"}, {"EpochMilli", "1.7E12"}, {"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-02-29T12:34:56.789+01:00"},
		{"EEE, d MMM yyyy hh:mm a z", "Thu, 29 Feb 2024 12:34 PM GMT+1"}, {"YYYY-ww-u", "2024-09-4"}, {"yyyyMMddHHmmssSSS", "20240229123456789"}, {"yy W F D G", "1 2 3 4 AD"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		format, err := mapping.CompileTimeFormat(pattern)
		if err != nil {
			return
		}
		got, err := format.Parse(text)
		if err != nil {
			if !got.IsZero() {
				t.Fatalf("%q of %q: %v beside the error %v", pattern, text, got, err)
			}
			return
		}
		if got.Location() != time.UTC || got.Year() < 1 || got.Year() > 9999 || got.Nanosecond()%1000 != 0 {
			t.Fatalf("%q of %q = %v", pattern, text, got)
		}
	})
}
