package sqlitelog

// Statements holds the statements that read the log, keyed by their purpose.
var Statements = map[string]string{
	"relay": selectShard + " UNION ALL " + selectShard + " LIMIT ?",
	"page":  selectPage, "history": selectHistory, "head": selectHead, "ends": selectEnds, "time": selectTime,
}
