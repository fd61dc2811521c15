package content_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"kindred/internal/content"
)

func TestTypesHaveTheNamesOfTheAPI(t *testing.T) {
	for _, name := range []string{"STRING", "NUMBER", "PHONE_NUMBER", "EMAIL_ADDRESS", "NAME"} {
		typ, err := content.ParseType(name)
		if err != nil || typ.String() != name {
			t.Errorf("ParseType(%q) = %v, %v", name, typ, err)
		}
	}
	if typ, err := content.ParseType(""); err != nil || typ != content.STRING {
		t.Errorf("ParseType of nothing = %v, %v, want STRING", typ, err)
	}
	for _, name := range []string{"string", "DATE", " NAME"} {
		if _, err := content.ParseType(name); err == nil || !strings.Contains(err.Error(), "PHONE_NUMBER") {
			t.Errorf("ParseType(%q): error %v, want one that lists the types", name, err)
		}
	}
}

func TestNormalize(t *testing.T) {
	tests := []struct {
		typ         content.Type
		value, want string
	}{
		{content.STRING, "", ""},
		{content.STRING, "  A b\t", "  A b\t"},
		{content.STRING, "ß", "ß"},

		{content.NUMBER, "0", "0"},
		{content.NUMBER, "-0", "0"},
		{content.NUMBER, "0.000", "0"},
		{content.NUMBER, "0e99", "0"},
		{content.NUMBER, "42", "42"},
		{content.NUMBER, "+42", "42"},
		{content.NUMBER, " 042.0 ", "42"},
		{content.NUMBER, "4.2e1", "42"},
		{content.NUMBER, "420E-1", "42"},
		{content.NUMBER, "1.50", "1.5"},
		{content.NUMBER, ".5", "0.5"},
		{content.NUMBER, "5.", "5"},
		{content.NUMBER, "-12.3400", "-12.34"},
		{content.NUMBER, "1e-3", "0.001"},
		{content.NUMBER, "12e5", "1200000"},
		{content.NUMBER, "12345678901234567890", "12345678901234567890"},
		{content.NUMBER, "12345678901234567890.0000000000000000001", "12345678901234567890.0000000000000000001"},
		{content.NUMBER, "1e255", "1" + strings.Repeat("0", 255)},
		{content.NUMBER, "1e256", "1e256"},
		{content.NUMBER, "1e99999999999999999999", "1e99999999999999999999"},
		{content.NUMBER, " A-17 ", "A-17"},
		{content.NUMBER, "1,000", "1,000"},
		{content.NUMBER, "0x10", "0x10"},
		{content.NUMBER, "-", "-"},
		{content.NUMBER, ".", "."},
		{content.NUMBER, "1e", "1e"},
		{content.NUMBER, "  ", ""},

		{content.EMAIL_ADDRESS, " Zoe@Ex.org ", "zoe@ex.org"},
		{content.EMAIL_ADDRESS, "zoe@ex.org", "zoe@ex.org"},
		{content.EMAIL_ADDRESS, "JÜRGEN@EXAMPLE.DE", "jürgen@example.de"},
		{content.EMAIL_ADDRESS, "ju\u0308rgen@example.de", "jürgen@example.de"},
		{content.EMAIL_ADDRESS, "\u00a0", ""},

		{content.NAME, "  Zoe \t  LUND\n", "zoe lund"},
		{content.NAME, "Zoe\u00a0\u2003Lund", "zoe lund"},
		{content.NAME, "zoe lund", "zoe lund"},
		{content.NAME, "STRASSE", "strasse"},
		{content.NAME, "Straße", "strasse"},
		{content.NAME, "ΟΔΥΣΣΕΥΣ", "οδυσσευσ"},
		{content.NAME, "Οδυσσεύς", "οδυσσεύσ"},
		{content.NAME, "ZOE\u0301", "zoé"},
		{content.NAME, "zoé", "zoé"},
		{content.NAME, "Jean-Luc O'Neil", "jean-luc o'neil"},
		{content.NAME, " ", ""},
	}
	for _, tt := range tests {
		if got := content.Normalize(tt.typ, tt.value, ""); got != tt.want {
			t.Errorf("Normalize(%v, %q) = %q, want %q", tt.typ, tt.value, got, tt.want)
		}
	}
}

func TestNormalizePhone(t *testing.T) {
	tests := []struct{ country, value, want string }{
		// The two equalities that AWS documents.
		{"", "+1 (206) 345-7890", "+12063457890"},
		{"", "2063457890", "+12063457890"},
		{"", "+15551234567", "+15551234567"},
		{"", "(555)-123-4567", "+15551234567"},

		{"US", "1-206-345-7890", "+12063457890"},
		{"US", "206.345.7890", "+12063457890"},
		{"US", " 206 345 7890 ", "+12063457890"},
		{"CA", "(416) 555-0123", "+14165550123"},
		{"PR", "787 555 0123", "+17875550123"},
		{"US", "+11234567890", "+11234567890"},
		{"US", "1-800-FLOWERS", "+18003569377"},
		{"US", "+1 206 345 7890 x123", "+12063457890;ext=123"},
		{"US", "206-345-7890 ext. 123", "+12063457890;ext=123"},
		{"US", "tel:+1-206-345-7890;ext=123", "+12063457890;ext=123"},
		{"US", "tel:+1-206-345-7890", "+12063457890"},
		{"DE", "+1 206 345 7890", "+12063457890"},

		{"US", "011 44 20 7946 0018", "+442079460018"},
		{"GB", "020 7946 0018", "+442079460018"},
		{"GB", "+44 (0)20 7946 0018", "+442079460018"},
		{"GB", "00 1 206 345 7890", "+12063457890"},
		{"DE", "030 123456", "+4930123456"},
		{"DE", "0049 30 123456", "+4930123456"},
		{"IT", "06 1234 5678", "+390612345678"},
		{"FR", "01 23 45 67 89", "+33123456789"},
		{"RU", "8 (495) 123-45-67", "+74951234567"},
		{"IN", "098765 43210", "+919876543210"},
		{"US", "＋１２０６３４５７８９０", "+12063457890"},

		// Not telephone numbers: letters and digits behind a mark.
		{"US", "345-7890", "~3457890"},
		{"US", "911", "~911"},
		{"US", "0044 20 7946 0018", "~00442079460018"},
		{"US", "+999 1234", "~9991234"},
		{"US", "Desk 7", "~desk7"},
		{"US", "~desk7", "~desk7"},
		{"ZZ", "2063457890", "~2063457890"},
		{"us", "2063457890", "~2063457890"},
		{"ZZ", "+12063457890", "+12063457890"},
		{"US", strings.Repeat("2", 300), "~" + strings.Repeat("2", 300)},

		// Nobody's number.
		{"US", "", ""},
		{"US", "anonymous", ""},
		{"US", "+", ""},
		{"US", "() - ", ""},
	}
	for _, tt := range tests {
		if got := content.Normalize(content.PHONE_NUMBER, tt.value, tt.country); got != tt.want {
			t.Errorf("Normalize(PHONE_NUMBER, %q, %q) = %q, want %q", tt.value, tt.country, got, tt.want)
		}
	}
}

// library is the normal form of a possible number by the library alone.
func library(value, country string) (string, bool) {
	n, err := phonenumbers.Parse(value, country)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE {
		return "", false
	}
	form := phonenumbers.Format(n, phonenumbers.E164)
	if n.GetExtension() != "" {
		form += ";ext=" + n.GetExtension()
	}
	return form, true
}

func TestNorthAmericanNumbersAgreeWithTheLibrary(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	countries := append(phonenumbers.GetRegionCodesForCountryCode(1), "GB", "DE", "ZZ")
	agreed := 0
	for range 5_000 {
		country := countries[r.IntN(len(countries))]
		value := randomNumber(r)
		want, ok := library(value, country)
		got := content.Normalize(content.PHONE_NUMBER, value, country)
		if !ok {
			if strings.HasPrefix(got, "+") {
				t.Fatalf("Normalize(%q, %s) = %q, the library says it is no possible number", value, country, got)
			}
			continue
		}
		if again, _ := library(want, country); again != want {
			continue // the library's own answer is not stable
		}
		if agreed++; got != want {
			t.Fatalf("Normalize(%q, %s) = %q, the library says %q", value, country, got, want)
		}
	}
	if agreed < 1_000 {
		t.Errorf("only %d of the numbers were possible: the test tests little", agreed)
	}
}

// randomNumber writes 9 to 12 digits, mostly 10 or 11, with punctuation.
func randomNumber(r *rand.Rand) string {
	var b strings.Builder
	if r.IntN(3) == 0 {
		b.WriteByte('+')
	}
	if r.IntN(2) == 0 {
		b.WriteByte('1')
	}
	n := 10
	if r.IntN(8) == 0 {
		n = 9 + r.IntN(3)
	}
	for range n {
		if r.IntN(4) == 0 {
			b.WriteByte(" ()-."[r.IntN(5)])
		}
		b.WriteByte(byte('0' + r.IntN(10)))
	}
	return b.String()
}

func TestNormalFormIsItsOwn(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	var countries []string
	for c := range phonenumbers.GetSupportedRegions() {
		countries = append(countries, c)
	}
	for range 5_000 {
		// Prefixes and long runs of zeros are where numbers are rewritten.
		value := []string{"", "+", "00", "0", "8"}[r.IntN(5)]
		if r.IntN(2) == 0 {
			value = fmt.Sprintf("+%d%s", phonenumbers.GetCountryCodeForRegion(countries[r.IntN(len(countries))]), strings.TrimLeft(value, "+"))
		}
		for range 4 + r.IntN(10) {
			value += string("00112345678989"[r.IntN(14)])
		}
		requireStable(t, content.PHONE_NUMBER, value, countries[r.IntN(len(countries))])
	}
}

func TestEveryLetterFoldsOnce(t *testing.T) {
	for r := rune(0); r <= 0x1FFFF; r++ { // no letter with case lies above
		requireStable(t, content.NAME, "a"+string(r), "")
		requireStable(t, content.EMAIL_ADDRESS, string(r)+"\u0345\u0301", "")
	}
}

func requireStable(t *testing.T, typ content.Type, value, country string) {
	t.Helper()
	once := content.Normalize(typ, value, country)
	if twice := content.Normalize(typ, once, country); twice != once {
		t.Fatalf("Normalize(%v, %q, %q) = %q, and of that %q", typ, value, country, once, twice)
	}
}

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"", " Zoe  Lund ", "+1 (206) 345-7890", "~1", "1e10", "-0.0", "Straße", "\u0345\u1f80", "\xff", "+44 0 20 7946 0018 x5", "tel:1;ext=2"} {
		f.Add(s, "US")
		f.Add(s, "DE")
	}
	f.Fuzz(func(t *testing.T, value, country string) {
		for typ := content.STRING; typ <= content.NAME; typ++ {
			requireStable(t, typ, value, country)
		}
	})
}

func TestCombine(t *testing.T) {
	tests := []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"a  b"}, "a  b"},
		{[]string{"zoe", "lund"}, "zoe lund"},
		{[]string{"zoe", "", "lund"}, "zoe lund"},
		{[]string{"", ""}, ""},
	}
	for _, tt := range tests {
		if got := content.Combine(tt.values); got != tt.want {
			t.Errorf("Combine(%q) = %q, want %q", tt.values, got, tt.want)
		}
	}
	first := content.Normalize(content.NAME, " Zoe", "")
	last := content.Normalize(content.NAME, "LUND ", "")
	if got := content.Combine([]string{first, last}); got != content.Normalize(content.NAME, "zoe  Lund", "") {
		t.Errorf("the joined names %q are not found by the whole name", got)
	}
}

func TestValidCountry(t *testing.T) {
	for code, want := range map[string]bool{"US": true, "CA": true, "DE": true, "GB": true, "us": false, "": false, "ZZ": false, "USA": false, "001": false} {
		if got := content.ValidCountry(code); got != want {
			t.Errorf("ValidCountry(%q) = %t, want %t", code, got, want)
		}
	}
}

func BenchmarkNormalize(b *testing.B) {
	for _, bb := range []struct {
		name    string
		typ     content.Type
		value   string
		country string
	}{
		{"STRING", content.STRING, "A-000123456789", ""},
		{"NUMBER", content.NUMBER, "12345.50", ""},
		{"EMAIL_ADDRESS", content.EMAIL_ADDRESS, "Zoe.Lund@Example.org", ""},
		{"NAME", content.NAME, "Zoe  Lund", ""},
		{"NAME/unicode", content.NAME, "Zoë Åström", ""},
		{"PHONE_NUMBER/national", content.PHONE_NUMBER, "(206) 345-7890", ""},
		{"PHONE_NUMBER/E.164", content.PHONE_NUMBER, "+12063457890", ""},
		{"PHONE_NUMBER/abroad", content.PHONE_NUMBER, "+44 20 7946 0018", ""},
		{"PHONE_NUMBER/none", content.PHONE_NUMBER, "anonymous", ""},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				content.Normalize(bb.typ, bb.value, bb.country)
			}
		})
	}
}
