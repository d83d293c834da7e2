package app

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/concha-labs/backend/pkg/longwork"
	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// putFile returns the file of a document. It stores a document that is too large
// for the database as an object of a fresh name. The name begins with its random
// part, so that sessions whose ids only grow do not all write to one range of
// names.
func (s *Service) putFile(ctx context.Context, sessionID int64, document []byte) (domain.File, error) {
	sum := longwork.Sum256(document)
	file := domain.File{SizeBytes: int64(len(document)), SHA256: hex.EncodeToString(sum[:])}
	if len(document) <= domain.MaxKept {
		file.Kept, file.Content = true, string(document)
		return file, nil
	}
	file.Object = s.newName() + "/" + strconv.FormatInt(sessionID, 10) + ".json"
	if err := s.files.Put(ctx, file.Object, "application/json", bytes.NewReader(document)); err != nil {
		return domain.File{}, fmt.Errorf("store file: %w", err)
	}
	return file, nil
}

// dropFile drops the object of a file, if it has one; see objects.Drop.
func (s *Service) dropFile(ctx context.Context, file domain.File, err error) {
	if file.Object != "" {
		objects.Drop(ctx, s.files, file.Object, err)
	}
}
