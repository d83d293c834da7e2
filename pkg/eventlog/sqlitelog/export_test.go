package sqlitelog

import "context"

// PurgeSteps runs Purge and returns the number of its steps, each of which looks
// at up to 1,000 events.
func (l *Log) PurgeSteps(ctx context.Context) (steps int, err error) {
	_, steps, err = l.purge(ctx)
	return steps, err
}

// Statements holds the statements that read the log, keyed by their purpose.
var Statements = map[string]string{
	"relay": selectShard + " UNION ALL " + selectShard + " LIMIT ?",
	"page":  selectPage, "history": selectHistory, "head": selectHead, "ends": selectEnds, "time": selectTime,
}
