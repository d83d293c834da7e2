-- Shard is the remainder of the id, so ids that grow by 16 are all in one shard,
-- and so are the ends of all indexes that begin with it. Spread is a hash.
ALTER TABLE Audios ADD COLUMN IF NOT EXISTS Spread INT64 AS (FARM_FINGERPRINT(CAST(SessionId AS STRING)) & 15) STORED;

CREATE INDEX IF NOT EXISTS AudiosDesc ON Audios (Spread, SessionId DESC) STORING (AccountId, SelectedTick, StepCount);
CREATE INDEX IF NOT EXISTS AudiosCreatedAt ON Audios (Spread, CreatedAt) STORING (AccountId, SelectedTick, StepCount);
CREATE INDEX IF NOT EXISTS AudiosCreatedAtDesc ON Audios (Spread, CreatedAt DESC, SessionId DESC) STORING (AccountId, SelectedTick, StepCount);
CREATE INDEX IF NOT EXISTS AudiosUpdatedAt ON Audios (Spread, UpdatedAt) STORING (AccountId, SelectedTick, StepCount);
CREATE INDEX IF NOT EXISTS AudiosUpdatedAtDesc ON Audios (Spread, UpdatedAt DESC, SessionId DESC) STORING (AccountId, SelectedTick, StepCount);

-- One index instead of three. A list by the tick alone looks it up for each of the
-- ten steps.
CREATE INDEX IF NOT EXISTS AudiosOfStep ON Audios (StepCount, SelectedTick, Spread);

-- A session without an account or an owner has no entry here.
CREATE INDEX IF NOT EXISTS AudiosOfAccount ON Audios (AccountId) STORING (SelectedTick, StepCount) WHERE AccountId IS NOT NULL;
CREATE INDEX IF NOT EXISTS AudiosOfOwner ON Audios (Owner, Spread) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AudiosOfOwnerDesc ON Audios (Owner, Spread, SessionId DESC) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AudiosOfOwnerByCreatedAt ON Audios (Owner, Spread, CreatedAt) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AudiosOfOwnerByCreatedAtDesc ON Audios (Owner, Spread, CreatedAt DESC, SessionId DESC) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AudiosOfOwnerByUpdatedAt ON Audios (Owner, Spread, UpdatedAt) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AudiosOfOwnerByUpdatedAtDesc ON Audios (Owner, Spread, UpdatedAt DESC, SessionId DESC) WHERE Owner IS NOT NULL;
