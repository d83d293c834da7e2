package main

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cloudspannerecosystem/memefish"
	"github.com/cloudspannerecosystem/memefish/ast"
)

// schema is the tables of a database as its migrations make them.
type schema struct {
	tables  []*table
	indexes map[string]*index
}

// table is a table, and rows the index that is the table itself.
type table struct {
	name    string
	columns map[string]column
	rows    *index
	indexes []*index
}

type column struct {
	kind      string // such as INT64
	generated string // the expression of a generated column
}

// index is a sorted set of entries: the rows of a table, or an index.
type index struct {
	name    string
	key     []part
	stored  []string
	notNull []string // it has no entry for a row in which one of these is NULL
}

type part struct {
	column string
	desc   bool
}

// databases are the folders of the migrations of each service, in the order in
// which the service applies them.
var databases = map[string][]string{
	"accounts": {"pkg/eventlog/spannerlog", "pkg/idempotency/spannerkeys", "services/accounts/internal/adapters/spannerstore"},
	"audios":   {"pkg/eventlog/spannerlog", "pkg/idempotency/spannerkeys", "services/audios/internal/adapters/spannerstore"},
}

// previous are the migrations that the schema called before in the report does not
// have. It does have the retired indexes.
var previous = []string{"007_spread.sql", "005_sparse_owners.sql"}

// load returns the schema of a service from the migrations in the repository root,
// after retire, or as it was before the migrations in previous.
func load(root fs.FS, service string, before bool) (*schema, error) {
	s := &schema{indexes: map[string]*index{}}
	for _, folder := range databases[service] {
		for _, kind := range []string{"migrations", "retired"} {
			files, err := fs.Glob(root, folder+"/"+kind+"/*.sql")
			if err != nil {
				return nil, err
			}
			slices.Sort(files)
			for _, file := range files {
				name := file[strings.LastIndexByte(file, '/')+1:]
				if before && (kind == "retired" || slices.Contains(previous, name)) {
					continue
				}
				if err := s.apply(root, file); err != nil {
					return nil, fmt.Errorf("%s: %w", file, err)
				}
			}
		}
	}
	return s, nil
}

func (s *schema) apply(root fs.FS, file string) error {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return err
	}
	statements, err := memefish.ParseDDLs(file, string(text))
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if err := s.change(statement); err != nil {
			return err
		}
	}
	return nil
}

// change applies a statement. An unknown one is an error, so that the model does
// not lack a part of the schema.
func (s *schema) change(statement ast.DDL) error {
	switch d := statement.(type) {
	case *ast.CreateTable:
		t := &table{name: d.Name.SQL(), columns: map[string]column{}, rows: &index{name: d.Name.SQL(), key: parts(d.PrimaryKeys)}}
		for _, c := range d.Columns {
			t.add(c)
		}
		s.tables = append(s.tables, t)
	case *ast.AlterTable:
		add, ok := d.TableAlteration.(*ast.AddColumn)
		if !ok {
			return fmt.Errorf("unknown change of a table: %s", d.SQL())
		}
		s.table(d.Name.SQL()).add(add.Column)
	case *ast.CreateIndex:
		i := &index{name: d.Name.SQL(), key: parts(d.Keys)}
		if d.Storing != nil {
			for _, c := range d.Storing.Columns {
				i.stored = append(i.stored, c.Name)
			}
		}
		if d.NullFiltered {
			for _, p := range i.key {
				i.notNull = append(i.notNull, p.column)
			}
		}
		if d.Where != nil {
			for condition := range strings.SplitSeq(strings.TrimPrefix(d.Where.SQL(), "WHERE "), " AND ") {
				i.notNull = append(i.notNull, strings.TrimSuffix(condition, " IS NOT NULL"))
			}
		}
		t := s.table(d.TableName.SQL())
		for _, p := range t.rows.key { // an index ends in the key of its table
			if !slices.ContainsFunc(i.key, func(k part) bool { return k.column == p.column }) {
				i.key = append(i.key, p)
			}
		}
		t.indexes = append(t.indexes, i)
		s.indexes[i.name] = i
	case *ast.AlterIndex:
		add, ok := d.IndexAlteration.(*ast.AddStoredColumn)
		if !ok {
			return fmt.Errorf("unknown change of an index: %s", d.SQL())
		}
		i := s.indexes[d.Name.SQL()]
		i.stored = append(i.stored, add.Name.Name)
	case *ast.DropIndex:
		dropped := s.indexes[d.Name.SQL()]
		for _, t := range s.tables {
			t.indexes = slices.DeleteFunc(t.indexes, func(i *index) bool { return i == dropped })
		}
	default:
		return fmt.Errorf("unknown statement: %s", statement.SQL())
	}
	return nil
}

func (s *schema) table(name string) *table {
	at := slices.IndexFunc(s.tables, func(t *table) bool { return t.name == name })
	if at < 0 {
		panic("no table " + name)
	}
	return s.tables[at]
}

func (t *table) add(c *ast.ColumnDef) {
	def := column{kind: c.Type.SQL()}
	if g, ok := c.DefaultSemantics.(*ast.GeneratedColumnExpr); ok {
		def.generated = g.Expr.SQL()
	}
	t.columns[c.Name.Name] = def
	t.rows.stored = append(t.rows.stored, c.Name.Name)
}

func parts(keys []*ast.IndexKey) (parts []part) {
	for _, k := range keys {
		parts = append(parts, part{k.Name.SQL(), k.Dir == ast.DirectionDesc})
	}
	return parts
}
