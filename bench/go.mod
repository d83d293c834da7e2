module github.com/concha-labs/backend/bench

go 1.26.0

require (
	github.com/concha-labs/backend/pkg v0.0.0
	github.com/concha-labs/backend/pkg/events v0.0.0
)

require (
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/gofrs/flock v0.13.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	golang.org/x/sys v0.49.0 // indirect
	modernc.org/libc v1.79.0 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
	modernc.org/sqlite v1.61.1 // indirect
)

replace github.com/concha-labs/backend/pkg => ../pkg

replace github.com/concha-labs/backend/pkg/client => ../pkg/client

replace github.com/concha-labs/backend/pkg/events => ../pkg/events
