package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// putFile stores a document under a fresh name.
func (s *Service) putFile(ctx context.Context, sessionID int64, document []byte) (domain.File, error) {
	sum := sha256.Sum256(document)
	file := domain.File{
		Object:    strconv.FormatInt(sessionID, 10) + "/" + s.newName() + ".json",
		SizeBytes: int64(len(document)), SHA256: hex.EncodeToString(sum[:]),
	}
	if err := s.files.Put(ctx, file.Object, "application/json", bytes.NewReader(document)); err != nil {
		return domain.File{}, fmt.Errorf("store file: %w", err)
	}
	return file, nil
}

// dropFile deletes an object to which no audio refers because its transaction
// ended with err. If that is not certain, or deleting fails, the object is left
// to SweepFiles.
func (s *Service) dropFile(ctx context.Context, file domain.File, err error) {
	if err != nil {
		switch fault.KindOf(err) {
		case fault.Invalid, fault.NotFound, fault.Conflict, fault.Precondition, fault.Denied:
		default:
			return
		}
	}
	_ = s.files.Delete(context.WithoutCancel(ctx), file.Object)
}
