-- Clients choose the ids and every list is a range of them, so the key is the
-- id alone: one that spreads ids which only grow (bits reversed, a hash before
-- them) would make each page a merge of many ranges. The price is that such ids
-- write to the end of the table, one split at a time.
CREATE TABLE IF NOT EXISTS Audios (
	SessionId    INT64          NOT NULL,
	AccountId    INT64,
	Ticks        ARRAY<FLOAT64> NOT NULL,
	SelectedTick INT64          NOT NULL,
	StepCount    INT64          NOT NULL,
	FileObject   STRING(MAX)    NOT NULL,
	FileBytes    INT64          NOT NULL,
	FileSha256   STRING(64)     NOT NULL, -- lower-case hex
	Version      INT64          NOT NULL,
	CreatedAt    TIMESTAMP      NOT NULL,
	UpdatedAt    TIMESTAMP      NOT NULL,
) PRIMARY KEY (SessionId);

-- An index ends in the table's key, so a list by it is in the order of the ids.
CREATE INDEX IF NOT EXISTS AudiosByAccount ON Audios (AccountId);
CREATE INDEX IF NOT EXISTS AudiosBySelectedTick ON Audios (SelectedTick);
CREATE INDEX IF NOT EXISTS AudiosByStepCount ON Audios (StepCount);
CREATE INDEX IF NOT EXISTS AudiosBySelectedTickAndStepCount ON Audios (SelectedTick, StepCount);

-- The last version of each session that is deleted, for one created anew.
CREATE TABLE IF NOT EXISTS DeletedAudios (
	SessionId INT64 NOT NULL,
	Version   INT64 NOT NULL,
) PRIMARY KEY (SessionId);

-- Accounts that are gone and that no session may be of.
CREATE TABLE IF NOT EXISTS DeletedAccounts (
	AccountId INT64 NOT NULL,
) PRIMARY KEY (AccountId);

-- Objects that no audio refers to any more and that are still to be deleted.
CREATE TABLE IF NOT EXISTS DiscardedFiles (
	SessionId INT64       NOT NULL,
	Object    STRING(MAX) NOT NULL,
) PRIMARY KEY (SessionId, Object);
