package spannerdbtest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/spanner"
	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Calls records the calls to Spanner except for the creation of sessions. The
// zero value is ready to use. It is safe for concurrent use.
type Calls struct {
	mu      sync.Mutex
	methods []string
	options []*spannerpb.RequestOptions
}

func (c *Calls) add(method string, request any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if method = method[strings.LastIndexByte(method, '/')+1:]; method == "CreateSession" {
		return
	}
	o := request.(interface {
		GetRequestOptions() *spannerpb.RequestOptions
	}).GetRequestOptions()
	if o.GetRequestTag() == "" && o.GetTransactionTag() == "" {
		method += " without a tag"
	}
	c.methods, c.options = append(c.methods, method), append(c.options, o)
}

// TakeOptions returns the options of the calls since the last Take or TakeOptions.
func (c *Calls) TakeOptions() []*spannerpb.RequestOptions {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.options
	c.methods, c.options = nil, nil
	return taken
}

// recorded records the first message of a stream, which is the request.
type recorded struct {
	grpc.ClientStream

	record func(request any)
}

func (r recorded) SendMsg(request any) error {
	r.record(request)
	return r.ClientStream.SendMsg(request)
}

// Options returns the options of Open that record the calls of the database.
func (c *Calls) Options() []option.ClientOption {
	return []option.ClientOption{
		option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			c.add(method, req)
			return invoke(ctx, method, req, reply, cc, opts...)
		})),
		option.WithGRPCDialOption(grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			started, err := stream(ctx, desc, cc, method, opts...)
			return recorded{started, func(request any) { c.add(method, request) }}, err
		})),
	}
}

// Take returns the methods called since the last Take, in order, such as
// "Commit". One that was called without a tag says so.
func (c *Calls) Take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.methods
	c.methods, c.options = nil, nil
	return taken
}

// Indexes returns the columns of each index of a table, such as "CreatedAt
// DESC". The primary key is the index _BASE_TABLE.
func Indexes(t *testing.T, db *spannerdb.DB, table string) map[string][]string {
	t.Helper()
	columns := map[string][]string{}
	if err := db.Read(t.Context(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		return tx.Query(ctx, spanner.Statement{
			SQL: `SELECT INDEX_NAME, COLUMN_NAME, COLUMN_ORDERING FROM INFORMATION_SCHEMA.INDEX_COLUMNS
				WHERE TABLE_NAME = @table AND ORDINAL_POSITION IS NOT NULL ORDER BY INDEX_NAME, ORDINAL_POSITION`,
			Params: map[string]any{"table": table},
		}).Do(func(r *spanner.Row) error {
			var index, column, ordering string
			err := r.Columns(&index, &column, &ordering)
			if ordering == "DESC" {
				column += " DESC"
			}
			columns[index] = append(columns[index], column)
			return err
		})
	}); err != nil {
		t.Fatal(err)
	}
	columns["_BASE_TABLE"] = columns["PRIMARY_KEY"]
	return columns
}

// Stored returns the columns that the indexes of a table store, by their names.
func Stored(t *testing.T, db *spannerdb.DB, table string) map[string][]string {
	t.Helper()
	stored := map[string][]string{}
	if err := db.Read(t.Context(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		return tx.Query(ctx, spanner.Statement{
			SQL: `SELECT INDEX_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.INDEX_COLUMNS
				WHERE TABLE_NAME = @table AND ORDINAL_POSITION IS NULL ORDER BY INDEX_NAME, COLUMN_NAME`,
			Params: map[string]any{"table": table},
		}).Do(func(r *spanner.Row) error {
			var index, column string
			err := r.Columns(&index, &column)
			stored[index] = append(stored[index], column)
			return err
		})
	}); err != nil {
		t.Fatal(err)
	}
	return stored
}
