package spannerdb

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"unicode"

	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/concha-labs/backend/pkg/priority"
)

// maxTag is the length of a tag that Spanner accepts.
const maxTag = 50

type tagKey struct{}

// tagged returns ctx with the tag of its calls: the exported function that called
// Read or ReadWrite, such as spannerstore.Store.Get. Spanner's statistics of
// queries, transactions and locks are grouped by it.
func tagged(ctx context.Context) context.Context { return context.WithValue(ctx, tagKey{}, caller()) }

// stack is the innermost callers of a function. Its number of values is that of the
// ways to call Read and ReadWrite, so tags needs no bound.
type stack [16]uintptr

var (
	tags    = map[stack]string{}
	tagging sync.RWMutex
)

// caller returns the name of the innermost exported function on the stack that
// called the method of DB which called tagged.
func caller() string {
	var callers stack
	n := runtime.Callers(4, callers[:])
	tagging.RLock()
	tag, known := tags[callers]
	tagging.RUnlock()
	if known {
		return tag
	}
	frames := runtime.CallersFrames(callers[:n])
	for more := true; more && tag == ""; {
		var frame runtime.Frame
		frame, more = frames.Next()
		tag = tagOf(frame.Function)
	}
	tagging.Lock()
	defer tagging.Unlock()
	tags[callers] = tag
	return tag
}

// tagOf returns the tag of a function, given as a path such as
// example.com/list.(*Table[...]).List.func1; "" if it is not an exported one.
func tagOf(function string) string {
	name := function[strings.LastIndexByte(strings.ReplaceAll(function, "[...]", ""), '/')+1:]
	name = strings.NewReplacer("(*", "", ")", "", "[...]", "").Replace(name)
	name, _, _ = strings.Cut(name, ".func")
	own := name[strings.LastIndexByte(name, '.')+1:]
	if own == "" || !unicode.IsUpper(rune(own[0])) {
		return ""
	}
	return name[max(0, len(name)-maxTag):]
}

// mark adds the tag, and the priority of ctx, to a request that can have them.
func mark(ctx context.Context, request any) {
	tag, _ := ctx.Value(tagKey{}).(string)
	o := &spannerpb.RequestOptions{}
	if priority.IsLow(ctx) {
		o.Priority = spannerpb.RequestOptions_PRIORITY_LOW
	}
	write := func(t *spannerpb.TransactionSelector) { // all requests of a transaction have its tag
		if t.GetBegin().GetReadWrite() != nil || t.GetId() != nil {
			o.TransactionTag = tag
		}
	}
	switch r := request.(type) {
	case *spannerpb.ExecuteSqlRequest:
		o.RequestTag, r.RequestOptions = tag, o
		write(r.GetTransaction())
	case *spannerpb.ReadRequest:
		o.RequestTag, r.RequestOptions = tag, o
		write(r.GetTransaction())
	case *spannerpb.BeginTransactionRequest:
		o.TransactionTag, r.RequestOptions = tag, o
	case *spannerpb.CommitRequest:
		o.TransactionTag, r.RequestOptions = tag, o
	}
}

// markRequests marks every request of a client.
var markRequests = []option.ClientOption{
	option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		mark(ctx, request)
		return invoke(ctx, method, request, reply, cc, opts...)
	})),
	option.WithGRPCDialOption(grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, start grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		stream, err := start(ctx, desc, cc, method, opts...)
		return marking{stream}, err
	})),
}

// marking marks the requests that are sent in a stream.
type marking struct{ grpc.ClientStream }

func (m marking) SendMsg(request any) error {
	mark(m.Context(), request)
	return m.ClientStream.SendMsg(request)
}
