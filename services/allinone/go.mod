module github.com/concha-labs/backend/services/allinone

go 1.26.0
