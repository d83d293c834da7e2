module github.com/concha-labs/backend/services/audios

go 1.26.0
