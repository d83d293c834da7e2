package sqlitelog

// Statements are those that read the log, by what they are for.
var Statements = map[string]string{
	"relay": selectShard + " UNION ALL " + selectShard + " LIMIT ?",
	"page":  selectPage, "history": selectHistory, "head": selectHead, "ends": selectEnds, "time": selectTime,
}
