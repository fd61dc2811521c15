package policy

import "strings"

// compile checks a draft against the rules of the policy's kind and appends the
// statement.
func (r *reader) compile(at int, d *draft) error {
	r.at = at
	s := statement{sid: d.sid}
	switch d.effect {
	case "Allow":
	case "Deny":
		s.deny = true
	default:
		return r.fail("Effect", "must be Allow or Deny")
	}
	for _, step := range []func(*draft, *statement) error{
		r.compileSid, r.compilePrincipal, r.compileActions, r.compileResources, r.compileConditions,
	} {
		if err := step(d, &s); err != nil {
			return err
		}
	}
	r.policy.statements = append(r.policy.statements, s)
	r.policy.contextual = r.policy.contextual || s.readsContext()
	return nil
}

// compileSid checks what IAM asks of a Sid; other services take any text.
func (r *reader) compileSid(d *draft, _ *statement) error {
	if r.options.Kind == Resource || d.sid == "" {
		return nil
	}
	for i := range len(d.sid) {
		if !isWord(d.sid[i]) {
			return r.fail("Sid", "may have letters and digits only")
		}
	}
	for i := range r.policy.statements {
		if r.policy.statements[i].sid == d.sid {
			return r.fail("Sid", "%s is used by statement %d already", quote(d.sid), i+1)
		}
	}
	return nil
}

func (r *reader) compilePrincipal(d *draft, s *statement) error {
	has, hasNot := d.has["Principal"], d.has["NotPrincipal"]
	kind := r.options.Kind
	switch {
	case kind == Identity || kind == Session:
		if has || hasNot {
			return r.fail("Principal", "the kind of policy read here (%s) has none, it applies to whom it is attached to", kind)
		}
		return nil
	case has && hasNot:
		return r.fail("Principal", "a statement has Principal or NotPrincipal, not both")
	case hasNot && kind == Trust:
		return r.fail("NotPrincipal", "a trust policy cannot have it")
	case hasNot && !s.deny:
		return r.fail("NotPrincipal", "may be used with Effect Deny only")
	case !has && !hasNot:
		return r.fail("Principal", "a %s must have one", kind)
	}
	element := "Principal"
	if hasNot {
		element = "NotPrincipal"
	}
	s.principals, s.notPrincipal = &principalSet{}, hasNot
	for _, p := range d.principal {
		if err := s.principals.add(p.kind, p.value); err != nil {
			return r.fail(element+" "+short(p.kind), "%s", err)
		}
	}
	if s.principals.empty() {
		return r.fail(element, "must name at least one principal")
	}
	if hasNot && s.principals.any {
		return r.fail(element, `"*" would leave nobody`)
	}
	return nil
}

func (r *reader) compileActions(d *draft, s *statement) error {
	names, element, err := r.oneOf(d, "Action", d.actions, d.notActions)
	if err != nil {
		return err
	}
	if element == "" {
		return r.fail("Action", "a statement must have Action or NotAction")
	}
	s.notAction = element == "NotAction"
	if r.options.Kind == Trust && s.notAction {
		return r.fail(element, "a trust policy names its actions with Action")
	}
	for _, name := range names {
		a, err := compileAction(name)
		if err != nil {
			return r.fail(element, "%s", err)
		}
		if r.options.Kind == Trust && !strings.HasPrefix(a.pattern, "sts:") {
			return r.fail(element, "%s: a trust policy may have actions of sts only", quote(name))
		}
		s.actions = append(s.actions, a)
	}
	return nil
}

func (r *reader) compileResources(d *draft, s *statement) error {
	names, element, err := r.oneOf(d, "Resource", d.resources, d.notRes)
	if err != nil {
		return err
	}
	switch {
	case r.options.Kind == Trust && element != "":
		return r.fail(element, "a trust policy cannot have it, it applies to its role")
	case r.options.Kind == Trust, r.options.Kind == Resource && r.options.ResourceOptional && element == "":
		return nil
	case element == "":
		return r.fail("Resource", "a statement must have Resource or NotResource")
	}
	s.notResource = element == "NotResource"
	for _, name := range names {
		p, err := compileResource(name, r.variables())
		if err != nil {
			return r.fail(element, "%s", err)
		}
		s.resources = append(s.resources, p)
	}
	return nil
}

// oneOf picks the values of an element or of its Not form, and its name, which
// is empty if the statement has neither.
func (r *reader) oneOf(d *draft, element string, values, notValues []string) ([]string, string, error) {
	has, hasNot := d.has[element], d.has["Not"+element]
	switch {
	case has && hasNot:
		return nil, "", r.fail(element, "a statement has %s or Not%s, not both", element, element)
	case has:
		return values, element, nil
	case hasNot:
		return notValues, "Not" + element, nil
	}
	return nil, "", nil
}

func (r *reader) compileConditions(d *draft, s *statement) error {
	for i, v := range d.conditions {
		c, err := compileOperator(v.operator)
		if err != nil {
			return r.fail("Condition", "%s", err)
		}
		element := "Condition " + short(v.operator) + " " + short(v.key)
		if err := checkKeyName(v.key); err != nil {
			return r.fail(element, "a condition key %s", err)
		}
		c.key = newContextKey(v.key)
		for _, o := range d.conditions[:i] {
			if o.operator == v.operator && strings.EqualFold(o.key, v.key) {
				return r.fail(element, "the key is given twice")
			}
		}
		for _, text := range v.values {
			if err := c.addValue(text, r.variables()); err != nil {
				return r.fail(element, "%s", err)
			}
		}
		s.conditions = append(s.conditions, c)
	}
	return nil
}

func (r *reader) variables() bool { return r.policy.version == Version2012 }
