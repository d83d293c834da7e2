package sqlitedb

// Readers returns the number of connections of Read.
func Readers() int { return cap(newReadTxs()) }
