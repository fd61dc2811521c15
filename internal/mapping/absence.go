package mapping

import "strings"

// Absence says in words why a source gives no value for a document: which part
// of its path is not there, or that the value is null or blank. It is for
// people who test a mapping; the words name the mapping's own path and nothing
// of the document. Of a source that gives a value it says nothing useful.
func (s *Source) Absence(doc Document) string {
	if s.template != nil {
		return "the template gives no text"
	}
	c := cursor{doc: doc, left: MaxSteps}
	n := c.root()
	for i := range s.path {
		if n = c.follow(n, s.path[i:i+1]); n == none {
			return "the record has no " + written(s.path[:i+1])
		}
	}
	switch k := doc.kindOf(n); {
	case s.list && k != kindArray:
		return written(s.path) + " is no array"
	case s.list && doc.nodes[n].last == none:
		return "the array is empty"
	case s.list:
		return "no element of the array has a value"
	case k == kindNull:
		return "the value is null"
	}
	return "the value is empty"
}

func (d *Document) kindOf(n int32) kind {
	if n == none {
		return kindNull
	}
	return d.nodes[n].kind
}

// written is a path as an accessor has it.
func written(path []step) string {
	var b strings.Builder
	b.WriteString(sourceRoot)
	for i := range path {
		b.WriteByte('.')
		b.WriteString(path[i].name)
	}
	return b.String()
}
