package mapping_test

import (
	"testing"

	"kindred/internal/mapping"
)

const oneKB = `{
  "id": "A-000123456789", "updated": "2024-02-29T12:34:56Z", "given": "Zoe", "family": "Lund",
  "contact": {"mail": "Zoe.Lund@example.org", "tel": "+1 (206) 345-7890", "fax": null},
  "address": {"street": "12 Long Meadow Lane", "city": "Seattle", "state": "WA", "zip": "98101", "country": "US"},
  "vip": true, "points": 12345678901234567890, "balance": 1.10, "segment": "frequent flyer", "language": "en-US",
  "birthday": "1990-05-17", "gender": "F", "company": "Lund and Daughters Limited", "title": "Director of Logistics",
  "notes": "Prefers to be called in the morning; has asked twice for the new catalogue. Ask her about the spring offers when she calls again.",
  "items": [{"title": "Hat", "price": 12.50, "quantity": 1}, {"title": "Scarf", "price": 20, "quantity": 2}],
  "channel": "web", "campaign": "spring-2024", "consent": false, "region": "north-west", "agent": "a-17", "score": 0.875
}`

func BenchmarkParseDocument(b *testing.B) {
	data := []byte(oneKB)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mapping.ParseDocument(data); err != nil {
			b.Fatal(err)
		}
	}
}

// The record of the benchmarks, mapped as a plain application record is.
var twentyFields = []string{
	"_source.id", "_source.updated", "_source.given", "_source.family", "_source.contact.mail", "_source.contact.tel",
	"_source.address.street", "_source.address.city", "_source.address.state", "_source.address.zip",
	"_source.address.country", "_source.points", "_source.balance", "_source.segment", "_source.language",
	"_source.birthday", "_source.gender", "{{_source.company}}", "{{_source.title}}", "_source.channel",
}

func compile(b *testing.B, expressions ...string) []*mapping.Source {
	b.Helper()
	var sources []*mapping.Source
	for _, expr := range expressions {
		s, err := mapping.CompileSource(expr)
		if err != nil {
			b.Fatal(err)
		}
		sources = append(sources, s)
	}
	return sources
}

func benchmarkEval(b *testing.B, expressions ...string) {
	doc, err := mapping.ParseDocument([]byte(oneKB))
	if err != nil {
		b.Fatal(err)
	}
	sources := compile(b, expressions...)
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range sources {
			if r, err := s.Eval(doc); err != nil || r.Text == "" && r.List == nil {
				b.Fatal(s, r, err)
			}
		}
	}
}

func BenchmarkEval(b *testing.B) {
	b.Run("20 plain fields", func(b *testing.B) { benchmarkEval(b, twentyFields...) })
	b.Run("accessor", func(b *testing.B) { benchmarkEval(b, "_source.contact.mail") })
	b.Run("interpolation", func(b *testing.B) { benchmarkEval(b, "{{_source.contact.mail}}") })
	b.Run("concatenation", func(b *testing.B) { benchmarkEval(b, "{{_source.given}} {{_source.family}}") })
	b.Run("removeExtraSpace", func(b *testing.B) {
		benchmarkEval(b, "{{#removeExtraSpace}}{{_source.given}} {{_source.family}}{{/removeExtraSpace}}")
	})
	b.Run("if", func(b *testing.B) { benchmarkEval(b, "{{#if _source.vip}}gold{{/if}}") })
	b.Run("each", func(b *testing.B) { benchmarkEval(b, "{{#each _source.items}}{{title}} {{/each}}") })
	b.Run("list", func(b *testing.B) { benchmarkEval(b, "_source.items[].title") })
}

func BenchmarkParseAndMap(b *testing.B) {
	sources := compile(b, twentyFields...)
	data := []byte(oneKB)
	b.ReportAllocs()
	for b.Loop() {
		doc, err := mapping.ParseDocument(data)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range sources {
			if _, err := s.Eval(doc); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkCompileSource(b *testing.B) {
	for _, expr := range []string{"_source.contact.mail", "{{_source.contact.mail}}", "{{#if _source.vip}}gold{{else}}plain{{/if}}"} {
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := mapping.CompileSource(expr); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTimeFormat(b *testing.B) {
	for pattern, text := range map[string]string{"EpochMilli": "1709210096789", "yyyy-MM-dd'T'HH:mm:ss'Z'": "2024-02-29T12:34:56Z"} {
		b.Run(pattern, func(b *testing.B) {
			f, err := mapping.CompileTimeFormat(pattern)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
