package autogen

import (
	"slices"

	"ariga.io/atlas/sql/schema"
)

// creation is a table in the order of creation.
type creation struct {
	table *schema.Table
	// later are its foreign keys that close a cycle: they refer to tables that are
	// created after this one.
	later []*schema.ForeignKey
}

// createOrder sorts tables so that each comes after those that it refers to,
// except for keys that close a cycle. The result depends on the names only.
func createOrder(tables []*schema.Table) []creation {
	index := map[*schema.Table]int{}
	tables = slices.Clone(tables)
	slices.SortFunc(tables, func(a, b *schema.Table) int { return compareNames(nameOfTable(a), nameOfTable(b)) })
	for i, table := range tables {
		index[table] = i
	}
	edges := make([][]int, len(tables))
	for i, table := range tables {
		for _, key := range table.ForeignKeys {
			if j, ok := index[key.RefTable]; ok && j != i {
				edges[i] = append(edges[i], j)
			}
		}
	}
	order := sortGraph(edges)
	position := make([]int, len(tables))
	for at, i := range order {
		position[i] = at
	}
	creations := make([]creation, 0, len(tables))
	for _, i := range order {
		c := creation{table: tables[i]}
		for _, key := range tables[i].ForeignKeys {
			if j, ok := index[key.RefTable]; ok && position[j] > position[i] {
				c.later = append(c.later, key)
			}
		}
		creations = append(creations, c)
	}
	return creations
}

// dropOrder sorts tables so that each comes before those that it refers to,
// unless they form a cycle.
func dropOrder(tables []relation, references []reference) []relation {
	index := map[tableName]int{}
	tables = slices.Clone(tables)
	slices.SortFunc(tables, func(a, b relation) int { return compareNames(a.tableName, b.tableName) })
	for i, table := range tables {
		index[table.tableName] = i
	}
	edges := make([][]int, len(tables))
	for _, r := range references {
		child, ok := index[r.child]
		parent, ok2 := index[r.parent]
		if ok && ok2 && child != parent {
			edges[child] = append(edges[child], parent)
		}
	}
	order := sortGraph(edges)
	slices.Reverse(order)
	sorted := make([]relation, len(tables))
	for at, i := range order {
		sorted[at] = tables[i]
	}
	return sorted
}

// sortGraph sorts nodes so that each comes after those that its edges lead to. The
// nodes of a cycle come together, in the order of their numbers. The algorithm is
// Tarjan's for strongly connected components.
func sortGraph(edges [][]int) []int {
	var (
		order, stack []int
		number       = make([]int, len(edges))
		lowest       = make([]int, len(edges))
		open         = make([]bool, len(edges))
		next         int
		visit        func(int)
	)
	visit = func(node int) {
		next++
		number[node], lowest[node], open[node] = next, next, true
		stack = append(stack, node)
		for _, to := range slices.Sorted(slices.Values(edges[node])) {
			switch {
			case number[to] == 0:
				visit(to)
				lowest[node] = min(lowest[node], lowest[to])
			case open[to]:
				lowest[node] = min(lowest[node], number[to])
			}
		}
		if lowest[node] != number[node] {
			return
		}
		from := slices.Index(stack, node)
		component := slices.Sorted(slices.Values(stack[from:]))
		stack = stack[:from]
		for _, member := range component {
			open[member] = false
		}
		order = append(order, component...)
	}
	for node := range edges {
		if number[node] == 0 {
			visit(node)
		}
	}
	return order
}

func nameOfTable(t *schema.Table) tableName {
	name := tableName{name: t.Name}
	if t.Schema != nil {
		name.schema = t.Schema.Name
	}
	return name
}
