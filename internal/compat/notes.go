package compat

import (
	"fmt"
	"strings"

	"kindred/internal/api"
)

// everywhere is the service under which the notes on all of them stand.
const everywhere = "*"

// notes are what notes.txt says, in its order.
type notes []note

type note struct {
	line               int
	service, operation string // "*" for all
	partial            bool
	text               string
}

// parse reads notes: a line "[service]" for each service, "[*]" for what holds
// everywhere, and below it one line for each note: the operation or *, a colon,
// and the text. Several operations are separated by commas. A ~ before the
// operation says that it is implemented in part. A line that begins with a space
// goes on with the one before; # begins a comment.
func parse(text string) (notes, error) {
	var list notes
	service, last := "", 0 // last: how many notes the last line made
	for i, line := range strings.Split(text, "\n") {
		fail := func(why string) error { return fmt.Errorf("notes.txt:%d: %s", i+1, why) }
		switch {
		case strings.TrimSpace(line) == "" || line[0] == '#':
		case line[0] == '[':
			name, ok := strings.CutSuffix(line[1:], "]")
			if !ok {
				return nil, fail("want [service]")
			}
			service, last = name, 0
		case line[0] == ' ':
			if last == 0 {
				return nil, fail("nothing to go on with")
			}
			for j := len(list) - last; j < len(list); j++ {
				list[j].text += " " + strings.TrimSpace(line)
			}
		default:
			names, text, ok := strings.Cut(line, ":")
			if !ok || service == "" || strings.TrimSpace(text) == "" {
				return nil, fail("want OPERATION: text, below a [service]")
			}
			last = 0
			for name := range strings.SplitSeq(names, ",") {
				name, partial := strings.CutPrefix(strings.TrimSpace(name), "~")
				list = append(list, note{i + 1, service, name, partial, strings.TrimSpace(text)})
				last++
			}
		}
	}
	return list, nil
}

// check finds notes on what does not exist.
func (n notes) check() error {
	services := map[string]*api.Service{}
	for _, s := range sections {
		services[s.api().SigningName] = s.api()
	}
	for _, x := range n {
		s := services[x.service]
		switch {
		case x.service == everywhere && x.operation == "*":
		case s == nil:
			return fmt.Errorf("notes.txt:%d: there is no service %q", x.line, x.service)
		case x.operation != "*" && s.Operation(x.operation) == nil:
			return fmt.Errorf("notes.txt:%d: %s has no operation %q", x.line, x.service, x.operation)
		}
	}
	return nil
}

func (n notes) of(service, operation string) (texts []string) {
	for _, x := range n {
		if x.service == service && x.operation == operation {
			texts = append(texts, x.text)
		}
	}
	return texts
}

func (n notes) partial(service, operation string) bool {
	for _, x := range n {
		if x.service == service && x.operation == operation && x.partial {
			return true
		}
	}
	return false
}
