package prepared

import (
	"sync"
	"sync/atomic"
)

// Shapes is the set of statements that ran at least once on one database. All connections of
// the database share it; it is safe for concurrent use. A statement that runs for the first
// time runs as text; from the second time on it runs prepared.
//
// Shapes also counts the changes of the schema, after which all statements have to be
// prepared again.
type Shapes struct {
	mu sync.RWMutex
	// young and old hold the shapes. When young is full, it replaces old. A shape of old that
	// is used goes back to young.
	young, old map[string]*Shape
	size       int // of young, in bytes

	schema   atomic.Uint64
	changing atomic.Int64
}

// generationSize limits the size of young, in bytes of text.
const generationSize = 512 << 10

// NewShapes makes an empty set.
func NewShapes() *Shapes { return &Shapes{young: make(map[string]*Shape)} }

// Shape is a statement without its values.
type Shape struct {
	// Text has placeholders in place of the values.
	Text string
	// ran is the number of the schema, from 1, under which the statement last succeeded as
	// text. A statement that fails as text is not prepared, so that its error stays the same.
	ran atomic.Uint64
	// refused is the number of the schema, from 1, under which the statement was found to
	// run only as text.
	refused atomic.Uint64
}

// Find returns the shape of a statement, nil if the statement has not run as text under the
// present schema.
func (s *Shapes) Find(st *Statement) *Shape {
	if shape := s.find(st); shape != nil && shape.ran.Load() == s.schema.Load()+1 {
		return shape
	}
	return nil
}

func (s *Shapes) find(st *Statement) *Shape {
	s.mu.RLock()
	shape, ok := s.young[string(st.key)]
	old := s.old[string(st.key)]
	s.mu.RUnlock()
	if ok || old == nil {
		return shape
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(string(st.key), old)
	return old
}

// Add adds a statement that ran as text.
func (s *Shapes) Add(st *Statement) {
	schema := s.schema.Load() + 1
	shape := s.find(st)
	if shape == nil {
		shape = &Shape{Text: st.prepared()}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.young[string(st.key)] == nil && s.old[string(st.key)] == nil {
			s.insert(string(st.key), shape)
		}
	}
	shape.ran.Store(schema)
}

func (s *Shapes) insert(key string, shape *Shape) {
	if s.size += len(key) + len(shape.Text) + 256; s.size > generationSize {
		s.old, s.young, s.size = s.young, make(map[string]*Shape), 0
	}
	s.young[key] = shape
}

// Refuse has a statement run as text until the schema changes.
func (s *Shapes) Refuse(shape *Shape) { shape.refused.Store(s.schema.Load() + 1) }

// Refused reports whether the statement runs as text.
func (s *Shapes) Refused(shape *Shape) bool { return shape.refused.Load() == s.schema.Load()+1 }

// Schema is the number of changes of the schema that this process knows of. A statement that
// was prepared under another number must not be used.
func (s *Shapes) Schema() uint64 { return s.schema.Load() }

// SchemaChanged has all statements prepared again.
func (s *Shapes) SchemaChanged() { s.schema.Add(1) }

// BeginChange is called when a statement is about to change the schema. Nothing runs prepared
// until as many calls of EndChange have followed.
func (s *Shapes) BeginChange() { s.changing.Add(1) }

// EndChange is called when the change is stored or rolled back.
func (s *Shapes) EndChange() {
	s.schema.Add(1)
	s.changing.Add(-1)
}

// Changing reports whether a change of the schema is in progress.
func (s *Shapes) Changing() bool { return s.changing.Load() > 0 }
