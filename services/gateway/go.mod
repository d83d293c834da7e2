module github.com/concha-labs/backend/services/gateway

go 1.26.0
