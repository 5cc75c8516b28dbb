package prepared

import (
	"sync"
	"sync/atomic"
)

// Shapes are the statements that ran at least once on one database. It is shared
// by all its connections, and safe for concurrent use. A statement that is seen for
// the first time runs as text; from the second time on it is worth preparing.
//
// Shapes also knows when statements that were prepared before have to be prepared
// again: when the schema has changed.
type Shapes struct {
	mu sync.RWMutex
	// young and old hold the shapes; a full young generation becomes the old
	// one, and what is used moves back.
	young, old map[string]*Shape
	size       int // of young, in bytes

	schema   atomic.Uint64
	changing atomic.Int64
}

// generationSize bounds what a generation of shapes holds, in bytes of text.
const generationSize = 512 << 10

// NewShapes makes an empty set.
func NewShapes() *Shapes { return &Shapes{young: make(map[string]*Shape)} }

// Shape is a statement without its values.
type Shape struct {
	// Text has placeholders in place of the values.
	Text string
	// ran is the schema, counted from 1, in which the statement last ran as text:
	// what fails as text is never prepared, so that it fails in the same way.
	ran atomic.Uint64
	// refused is the schema, counted from 1, in which the statement was found to
	// run as text only.
	refused atomic.Uint64
}

// Find returns the shape of a statement, nil if it is new under this schema.
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

// Add remembers a statement that ran as text.
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

// Schema is the number of the schema as this process knows it. What was prepared
// under another is not to be used.
func (s *Shapes) Schema() uint64 { return s.schema.Load() }

// SchemaChanged ends what was prepared before.
func (s *Shapes) SchemaChanged() { s.schema.Add(1) }

// BeginChange says that a statement is about to change the schema. Until EndChange,
// which each needs, nothing runs prepared.
func (s *Shapes) BeginChange() { s.changing.Add(1) }

// EndChange says that the change is stored, or undone.
func (s *Shapes) EndChange() {
	s.schema.Add(1)
	s.changing.Add(-1)
}

// Changing reports whether the schema is about to change.
func (s *Shapes) Changing() bool { return s.changing.Load() > 0 }
