package dbmodule

// Shapes is a binder whose engine takes every statement.
type Shapes struct{ binder *binder }

func NewShapes(engine Engine) Shapes { return Shapes{newBinder(engine)} }

// Run returns what is prepared for a statement and its arguments, "" for one
// that runs as it is.
func (s Shapes) Run(query string) (text string, args []any) {
	found, seen := s.find(query)
	seen()
	if found.plan == nil {
		return "", nil
	}
	for _, arg := range found.args {
		args = append(args, arg.Value)
	}
	return found.plan.text, args
}

// Begin is Run on a connection that is slow: what it returns is to be called
// once the statement ran.
func (s Shapes) Begin(query string) (ran func()) {
	_, ran = s.find(query)
	return ran
}

func (s Shapes) find(query string) (bound, func()) {
	scanned := scan(s.binder.engine, query)
	if scanned == nil {
		return bound{}, func() {}
	}
	found, ok, known := s.binder.find(scanned)
	switch {
	case !known:
		return bound{}, func() { s.binder.add(scanned) }
	case !ok:
		return bound{}, func() {}
	}
	return found, func() {}
}

// Refuse is an engine that does not take the statement after all.
func (s Shapes) Refuse(query string) {
	found, _ := s.find(query)
	found.shape.refused.Store(true)
}

// Size is how many bytes of statements are remembered.
func (s Shapes) Size() (n int) {
	for _, generation := range []map[string]*shape{s.binder.young, s.binder.old} {
		for key, sh := range generation {
			n += len(key) + len(sh.plan.Load().text)
		}
	}
	return n
}
