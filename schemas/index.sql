-- The index of a trace: what is small enough to ask about without reading the events.
-- Made by trace/store/index.cc from the chunks, and made again if it is missing, damaged or of
-- another version (user_version). Nothing else in a trace depends on it.
--
-- Event numbers, tasks and addresses are as in FORMAT.md; `time` is in seconds since the
-- recording began, and as fine as the recorder's tick. Addresses are signed 64-bit integers.

-- What was indexed: `trace` (identity of the header), `events` (how many are in here).
CREATE TABLE meta(
  key TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;

-- Where events lie in the events file.
CREATE TABLE chunks(
  event INTEGER PRIMARY KEY,     -- the first one
  events INTEGER NOT NULL,
  byte INTEGER NOT NULL,         -- offset of its frame in the file
  raw_bytes INTEGER NOT NULL,    -- of the events
  stored_bytes INTEGER NOT NULL, -- of the frame
  first_time REAL NOT NULL,
  last_time REAL NOT NULL
);

CREATE TABLE processes(
  pid INTEGER,                   -- NULL if the header does not say
  program TEXT NOT NULL,
  arguments TEXT NOT NULL,
  working_directory TEXT NOT NULL,
  first_event INTEGER NOT NULL,
  last_event INTEGER,            -- NULL while it runs, or if the recorder was killed
  ended TEXT,                    -- exit_group, signal, exec, lost
  status INTEGER                 -- exit status or signal
);

CREATE TABLE tasks(
  task INTEGER PRIMARY KEY,
  tid INTEGER,
  pid INTEGER,
  name TEXT,                     -- by prctl(PR_SET_NAME)
  parent INTEGER,
  start_event INTEGER NOT NULL,
  end_event INTEGER,             -- NULL if it lived to the end
  status INTEGER,
  start_time REAL NOT NULL,
  end_time REAL,
  events INTEGER NOT NULL DEFAULT 0,
  turns INTEGER NOT NULL DEFAULT 0  -- times it was given the turn
);

-- Successful calls that changed the address space.
CREATE TABLE mappings(
  event INTEGER PRIMARY KEY,
  task INTEGER NOT NULL,
  call TEXT NOT NULL,
  address INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  protection INTEGER,
  flags INTEGER,
  fd INTEGER,
  file_offset INTEGER
);

-- Calls that open or run a file by its path.
CREATE TABLE files(
  event INTEGER PRIMARY KEY,
  task INTEGER NOT NULL,
  call TEXT NOT NULL,
  path TEXT,                     -- as the program passed it
  flags INTEGER,
  result INTEGER NOT NULL,       -- a descriptor, or a negative errno
  errno TEXT                     -- its name
);

-- Moments worth a name: checkpoint, signal, end; inexact: replay may not be exact from here on.
CREATE TABLE marks(
  event INTEGER NOT NULL,
  name TEXT NOT NULL,
  text TEXT,
  PRIMARY KEY(event, name)
) WITHOUT ROWID;

CREATE TABLE counts(
  task INTEGER NOT NULL,
  kind TEXT NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  events INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  PRIMARY KEY(task, kind, number)
) WITHOUT ROWID;
