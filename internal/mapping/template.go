package mapping

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mailgun/raymond/v2/ast"
	"github.com/mailgun/raymond/v2/parser"
)

// op is one instruction of a compiled template.
type op struct {
	kind opKind
	text string // opText
	ref  ref    // what is shown, tested, entered or looped over
	// level is the context that the body of opEach and opWith runs in.
	level         int
	body, inverse []op
}

type opKind uint8

const (
	opText opKind = iota
	opValue
	opIf
	opUnless
	opEach
	opWith
	opRemoveExtraSpace
)

// ref is what an expression refers to: a path from a context, or a variable
// of a loop. Contexts and loops are known by the level of their block, which
// is fixed when the template is compiled; level 0 is _source.
type ref struct {
	kind  refKind
	level int
	path  []step
}

type refKind uint8

const (
	refPath refKind = iota
	refIndex
	refKey
	refFirst
	refLast
)

// compileTemplate turns a template into instructions. The library's parser
// leaves a goroutine behind when it fails, so checkTemplate first makes sure,
// on the token list, that it cannot.
func compileTemplate(text string) ([]op, error) {
	if err := checkTemplate(text); err != nil {
		return nil, err
	}
	program, err := parser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("not a valid template: %w", err)
	}
	return compileProgram(program, scope{loop: -1})
}

// scope is the surrounding of an instruction: its context level, and the
// level of the innermost loop (-1 outside of any).
type scope struct{ level, loop int }

func compileProgram(p *ast.Program, in scope) ([]op, error) {
	ops := []op{}
	if p == nil {
		return ops, nil
	}
	for _, statement := range p.Body {
		switch n := statement.(type) {
		case *ast.ContentStatement:
			if n.Value != "" {
				ops = append(ops, op{kind: opText, text: n.Value})
			}
		case *ast.CommentStatement:
		case *ast.MustacheStatement:
			r, err := compileRef(n.Expression.Path, in)
			if err != nil {
				return nil, err
			}
			ops = append(ops, op{kind: opValue, ref: r})
		case *ast.BlockStatement:
			o, err := compileBlock(n, in)
			if err != nil {
				return nil, err
			}
			ops = append(ops, o)
		default:
			return nil, fmt.Errorf("%T is not supported", statement)
		}
	}
	return ops, nil
}

func compileBlock(b *ast.BlockStatement, in scope) (op, error) {
	o := op{kind: blocks[b.Expression.HelperName()].kind}
	inside := in
	switch o.kind {
	case opEach:
		inside.level++
		inside.loop = inside.level
	case opWith:
		inside.level++
	}
	o.level = inside.level
	var err error
	if len(b.Expression.Params) == 1 {
		if o.ref, err = compileRef(b.Expression.Params[0], in); err != nil {
			return op{}, err
		}
	}
	if o.body, err = compileProgram(b.Program, inside); err != nil {
		return op{}, err
	}
	o.inverse, err = compileProgram(b.Inverse, in)
	return o, err
}

// ref resolves an expression to a context and a path from there. _source is
// the document wherever it stands alone at the head of a path.
func compileRef(expression ast.Node, in scope) (ref, error) {
	p, ok := expression.(*ast.PathExpression)
	if !ok {
		return ref{}, fmt.Errorf("only paths are supported in {{ }}")
	}
	if p.Data {
		return compileVariable(p, in)
	}
	r := ref{level: in.level - p.Depth}
	parts := p.Parts
	if !p.Scoped && len(parts) > 0 && parts[0] == sourceRoot {
		r.level, parts = 0, parts[1:]
	} else if r.level <= 0 {
		// Above the outermost block there is only the object that has _source.
		if r.level < 0 || len(parts) == 0 || parts[0] != sourceRoot {
			return ref{}, fmt.Errorf("only %s is available here, not %q", sourceRoot, p.Original)
		}
		parts = parts[1:]
	}
	for _, part := range parts {
		if strings.HasPrefix(part, "[") && strings.HasSuffix(part, "]") {
			part = part[1 : len(part)-1]
		}
		if part == "" {
			return ref{}, fmt.Errorf("%q: an array accessor (items[].x) must be the whole Source", p.Original)
		}
		r.path = append(r.path, newStep(part))
	}
	if len(r.path) > maxPathSteps {
		return ref{}, fmt.Errorf("at most %d steps in a path", maxPathSteps)
	}
	return r, nil
}

func compileVariable(p *ast.PathExpression, in scope) (ref, error) {
	kind, known := variables[p.Original]
	switch {
	case !known:
		return ref{}, fmt.Errorf("%s is not supported: @index, @key, @first and @last are", p.Original)
	case in.loop < 0:
		return ref{}, fmt.Errorf("%s outside of {{#each}}", p.Original)
	}
	return ref{kind: kind, level: in.loop}, nil
}

var variables = map[string]refKind{"@index": refIndex, "@key": refKey, "@first": refFirst, "@last": refLast}

// renderer evaluates a compiled template.
type renderer struct {
	cursor
	out      []byte
	contexts [MaxNesting + 1]int32
	loops    [MaxNesting + 1]loop
}

type loop struct {
	index, count int
	key          string // member name; "" in an array
}

func (s *Source) render(c *cursor) (Result, error) {
	if len(s.template) == 1 && s.template[0].kind == opValue {
		if n := c.follow(c.root(), s.template[0].ref.path); !c.compound(n) {
			return c.plain(n)
		}
	}
	r := renderer{cursor: *c, out: make([]byte, 0, 64)}
	r.contexts[0] = c.root()
	r.run(s.template)
	if r.failed() {
		return Result{}, r.err()
	}
	return Result{Text: string(r.out)}, nil
}

func (r *renderer) run(ops []op) {
	for i := range ops {
		if r.left--; r.failed() {
			return
		}
		o := &ops[i]
		switch o.kind {
		case opText:
			r.out = r.add(r.out, o.text)
		case opValue:
			r.show(&o.ref)
		case opIf, opUnless:
			if r.test(&o.ref) == (o.kind == opIf) {
				r.run(o.body)
			} else {
				r.run(o.inverse)
			}
		case opWith:
			r.with(o)
		case opEach:
			r.each(o)
		case opRemoveExtraSpace:
			start := len(r.out)
			r.run(o.body)
			r.out = append(r.out[:start], removeExtraSpace(r.out[start:])...)
		}
		if len(r.out) > MaxResultBytes {
			r.tooLong = true
		}
	}
}

func (r *renderer) node(f *ref) int32 {
	return r.follow(r.contexts[f.level], f.path)
}

func (r *renderer) show(f *ref) {
	switch l := &r.loops[f.level]; f.kind {
	case refPath:
		r.out = r.text(r.out, r.node(f))
	case refIndex:
		r.out = appendInt(r.out, l.index)
	case refKey:
		if l.key == "" {
			r.out = appendInt(r.out, l.index)
			return
		}
		r.out = r.add(r.out, l.key)
	case refFirst:
		r.out = appendBool(r.out, l.index == 0)
	case refLast:
		r.out = appendBool(r.out, l.index == l.count-1)
	}
}

func (r *renderer) test(f *ref) bool {
	switch l := &r.loops[f.level]; f.kind {
	case refIndex:
		return l.index != 0
	case refKey:
		return l.key != "" || l.index != 0
	case refFirst:
		return l.index == 0
	case refLast:
		return l.index == l.count-1
	}
	return r.truthy(r.node(f))
}

// with enters a value unless it is empty. Unlike {{#if}} it takes 0 for a
// value, as Handlebars does.
func (r *renderer) with(o *op) {
	n := r.node(&o.ref)
	if n == none || r.doc.nodes[n].kind != kindNumber && !r.truthy(n) {
		r.run(o.inverse)
		return
	}
	r.contexts[o.level] = n
	r.run(o.body)
}

// each runs the body for the elements of an array or the members of an
// object, and the inverse when there are none.
func (r *renderer) each(o *op) {
	n := r.node(&o.ref)
	if !r.compound(n) || r.doc.nodes[n].last == none {
		r.run(o.inverse)
		return
	}
	nodes := r.doc.nodes
	if nodes[n].kind == kindObject {
		list := r.members(n)
		for i, m := range list {
			r.turn(o, m, loop{index: i, count: len(list), key: r.doc.string(nodes[m].name)})
		}
		return
	}
	count := 0
	for i := n + 1; i < nodes[n].end; i = nodes[i].end {
		count++
	}
	r.left -= count / scanned
	index := 0
	for i := n + 1; i < nodes[n].end && !r.failed(); i = nodes[i].end {
		r.turn(o, i, loop{index: index, count: count})
		index++
	}
}

func (r *renderer) turn(o *op, n int32, l loop) {
	if r.left--; r.failed() {
		return
	}
	r.contexts[o.level], r.loops[o.level] = n, l
	r.run(o.body)
}

// removeExtraSpace trims b and makes each run of blanks one space, in place.
func removeExtraSpace(b []byte) []byte {
	out := b[:0]
	pending := false
	for i := 0; i < len(b); {
		c, size := rune(b[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(b[i:])
		}
		if unicode.IsSpace(c) {
			pending = len(out) > 0
		} else {
			if pending {
				out = append(out, ' ')
				pending = false
			}
			out = append(out, b[i:i+size]...)
		}
		i += size
	}
	return out
}
