package spannerdb

import "testing"

func TestTagOf(t *testing.T) {
	const in = "example.com/backend/pkg/"
	for function, want := range map[string]string{
		in + "spannerstore.(*Store).Get":                                  "spannerstore.Store.Get",
		in + "spannerstore.(*Store).Create.func1":                         "spannerstore.Store.Create",
		in + "spannerstore.(*Store).write":                                "",
		in + "list/spannerlist.(*Table[...]).List":                        "spannerlist.Table.List",
		in + "spannerdb_test.Count":                                       "spannerdb_test.Count",
		in + "spannerdb_test.insert":                                      "",
		"runtime.goexit":                                                  "",
		in + "averylongpackagename.AVeryLongTypeIndeed.AndItsMethodHas50": "gpackagename.AVeryLongTypeIndeed.AndItsMethodHas50",
	} {
		if got := tagOf(function); got != want {
			t.Errorf("tagOf(%q) = %q, want %q", function, got, want)
		}
	}
}
