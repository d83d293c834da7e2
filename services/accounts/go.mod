module github.com/concha-labs/backend/services/accounts

go 1.26.0
