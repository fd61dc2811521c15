package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mailgun/raymond/v2/lexer"
)

// blocks are the block helpers, with the number of their arguments.
var blocks = map[string]struct {
	kind      opKind
	arguments int
	otherwise bool // may have {{else}}
}{
	"if":               {opIf, 1, true},
	"unless":           {opUnless, 1, true},
	"each":             {opEach, 1, true},
	"with":             {opWith, 1, true},
	"removeExtraSpace": {opRemoveExtraSpace, 0, false},
}

// checker walks the tokens of a template and refuses whatever is outside of
// the supported subset, with a reason in the words of the template.
type checker struct {
	tokens []lexer.Token
	at     int
	open   []openBlock
	depth  int // open blocks, each {{else if}} counted as one more
}

type openBlock struct {
	name      string
	otherwise bool // {{else}} was seen
	chained   int  // {{else if}} seen
}

func checkTemplate(text string) error {
	c := checker{tokens: lexer.Collect(text)}
	for {
		t := c.next()
		switch t.Kind {
		case lexer.TokenEOF:
			if len(c.open) > 0 {
				return fmt.Errorf("{{#%s}} is not closed", c.open[len(c.open)-1].name)
			}
			return nil
		case lexer.TokenError:
			return lexical(t)
		}
		if err := c.statement(t); err != nil {
			return err
		}
	}
}

// lexical puts an error of the lexer in our words.
func lexical(t lexer.Token) error {
	reason := strings.ToLower(t.Val)
	switch {
	case strings.HasSuffix(reason, "'*'"):
		return fmt.Errorf("decorators ({{* …}}) are not supported")
	case strings.HasSuffix(reason, "'>'"):
		return fmt.Errorf("partials ({{> …}}) are not supported")
	}
	return fmt.Errorf("not a valid template: %s", reason)
}

// next returns the next token; the list ends with TokenEOF or TokenError,
// which is returned again and again.
func (c *checker) next() lexer.Token {
	t := c.tokens[c.at]
	if c.at < len(c.tokens)-1 {
		c.at++
	}
	return t
}

func (c *checker) peek() lexer.Token { return c.tokens[c.at] }

func (c *checker) statement(t lexer.Token) error {
	switch t.Kind {
	case lexer.TokenContent, lexer.TokenComment:
		return nil
	case lexer.TokenOpen:
		return c.expression(lexer.TokenClose)
	case lexer.TokenOpenUnescaped:
		return c.expression(lexer.TokenCloseUnescaped)
	case lexer.TokenOpenBlock:
		return c.openBlock(false)
	case lexer.TokenOpenInverseChain:
		if err := c.otherwise(); err != nil {
			return err
		}
		return c.openBlock(true)
	case lexer.TokenInverse:
		if err := c.otherwise(); err != nil {
			return err
		}
		c.open[len(c.open)-1].otherwise = true
		return nil
	case lexer.TokenOpenEndBlock:
		return c.closeBlock()
	case lexer.TokenOpenPartial:
		return fmt.Errorf("partials ({{> …}}) are not supported")
	case lexer.TokenOpenRawBlock, lexer.TokenOpenEndRawBlock:
		return fmt.Errorf("raw blocks ({{{{ … }}}}) are not supported")
	case lexer.TokenOpenInverse:
		return fmt.Errorf("inverted sections ({{^ …}}) are not supported: use {{#unless}}")
	}
	return fmt.Errorf("unexpected %q", t.Val)
}

// otherwise checks that {{else}} may stand here.
func (c *checker) otherwise() error {
	if len(c.open) == 0 {
		return fmt.Errorf("{{else}} outside of a block")
	}
	b := c.open[len(c.open)-1]
	if !blocks[b.name].otherwise {
		return fmt.Errorf("{{#%s}} has no {{else}}", b.name)
	}
	if b.otherwise {
		return fmt.Errorf("{{#%s}} has a second {{else}}", b.name)
	}
	return nil
}

// openBlock checks {{#name argument}} or {{else name argument}} after its
// opening token.
func (c *checker) openBlock(chained bool) error {
	name := c.next()
	if name.Kind == lexer.TokenError {
		return lexical(name)
	}
	if name.Kind != lexer.TokenID {
		return fmt.Errorf("a block begins with the name of its helper, not %q", name.Val)
	}
	block, known := blocks[name.Val]
	if !known || chained && !block.otherwise {
		return fmt.Errorf("the block helper %q is not supported: if, unless, each, with and removeExtraSpace are", name.Val)
	}
	if block.arguments == 1 {
		if c.peek().Kind == lexer.TokenClose {
			return fmt.Errorf("{{#%s}} needs a path", name.Val)
		}
		variable := c.peek().Kind == lexer.TokenData
		if variable && (block.kind == opEach || block.kind == opWith) {
			return fmt.Errorf("{{#%s}} needs a path, not a variable", name.Val)
		}
		if err := c.path(); err != nil {
			return err
		}
	}
	if err := c.close(lexer.TokenClose); err != nil {
		return err
	}
	if c.depth++; c.depth > MaxNesting {
		return fmt.Errorf("blocks are nested more than %d deep", MaxNesting)
	}
	if chained {
		c.open[len(c.open)-1].chained++
		return nil
	}
	c.open = append(c.open, openBlock{name: name.Val})
	return nil
}

func (c *checker) closeBlock() error {
	name := c.next()
	if name.Kind == lexer.TokenError {
		return lexical(name)
	}
	if len(c.open) == 0 {
		return fmt.Errorf("{{/%s}} closes nothing", name.Val)
	}
	b := c.open[len(c.open)-1]
	if name.Kind != lexer.TokenID || name.Val != b.name {
		return fmt.Errorf("{{#%s}} is closed by {{/%s}}", b.name, name.Val)
	}
	c.open = c.open[:len(c.open)-1]
	c.depth -= 1 + b.chained
	return c.close(lexer.TokenClose)
}

// expression checks {{path}} after its opening token.
func (c *checker) expression(end lexer.TokenKind) error {
	if c.peek().Kind == end {
		return fmt.Errorf("empty {{ }}")
	}
	if err := c.path(); err != nil {
		return err
	}
	return c.close(end)
}

// path checks (../)* (this | .)? name ((. or /) name)*, or @name.
func (c *checker) path() error {
	t := c.next()
	switch t.Kind {
	case lexer.TokenData:
		name := c.next()
		if name.Kind == lexer.TokenError {
			return lexical(name)
		}
		if name.Kind != lexer.TokenID || c.peek().Kind == lexer.TokenSep {
			return fmt.Errorf("@%s is not supported: @index, @key, @first and @last are", name.Val)
		}
		return nil
	case lexer.TokenString, lexer.TokenNumber, lexer.TokenBoolean:
		return fmt.Errorf("the literal %q is not supported inside {{ }}: write constants outside of it", t.Val)
	case lexer.TokenOpenSexpr:
		return fmt.Errorf("subexpressions ( ) are not supported")
	case lexer.TokenID:
	case lexer.TokenError:
		return lexical(t)
	default:
		return fmt.Errorf("a path is expected, not %q", t.Val)
	}
	climbing := t.Val == ".."
	for c.peek().Kind == lexer.TokenSep {
		c.next()
		t = c.next()
		switch {
		case t.Kind == lexer.TokenData:
			return fmt.Errorf("variables of outer blocks (../@…) are not supported")
		case t.Kind == lexer.TokenError:
			return lexical(t)
		case t.Kind != lexer.TokenID:
			return fmt.Errorf("a name is expected in a path, not %q", t.Val)
		case t.Val == "..":
			if !climbing {
				return fmt.Errorf("../ is possible only at the beginning of a path")
			}
		case t.Val == "this" || t.Val == ".":
			if !climbing {
				return fmt.Errorf("%s is possible only at the beginning of a path", strconv.Quote(t.Val))
			}
			climbing = false
		default:
			climbing = false
		}
	}
	return nil
}

// close checks the end of an expression, naming what is there instead.
func (c *checker) close(end lexer.TokenKind) error {
	t := c.next()
	if t.Kind == end {
		return nil
	}
	switch t.Kind {
	case lexer.TokenOpenBlockParams:
		return fmt.Errorf("block parameters (as |…|) are not supported")
	case lexer.TokenID:
		if strings.HasPrefix(t.Val, "[") {
			return fmt.Errorf("%s must follow a dot inside {{ }}, as in items.[0].name", t.Val)
		}
		if c.peek().Kind == lexer.TokenEquals {
			return fmt.Errorf("named arguments (%s=…) are not supported", t.Val)
		}
		return fmt.Errorf("the argument %q is not supported: there are no inline helpers", t.Val)
	case lexer.TokenString, lexer.TokenNumber, lexer.TokenBoolean, lexer.TokenData, lexer.TokenOpenSexpr:
		return fmt.Errorf("the argument %q is not supported: there are no inline helpers", t.Val)
	case lexer.TokenError:
		return lexical(t)
	}
	return fmt.Errorf("unexpected %q in {{ }}", t.Val)
}

func appendInt(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(i), 10) }

func appendBool(dst []byte, b bool) []byte { return strconv.AppendBool(dst, b) }
