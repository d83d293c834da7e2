module github.com/concha-labs/backend/services/audios

go 1.26.0

require github.com/concha-labs/backend/pkg v0.0.0

require github.com/google/go-cmp v0.7.0 // indirect

replace github.com/concha-labs/backend/pkg => ../../pkg
