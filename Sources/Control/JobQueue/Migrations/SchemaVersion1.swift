/// Schema version 1. Frozen: a change is a new version. Times are UTC milliseconds; digests are 32 bytes.
///
/// The schema itself refuses what must never happen, whatever the program does. It uses no JSON functions: with
/// `trusted_schema = OFF`, SQLite 3.40 refuses them in constraints and triggers.
enum SchemaVersion1 {
    static let sql = tables + indices + transitions + jobTriggers + otherTriggers

    private static let tables = """
        PRAGMA application_id = \(DatabaseIdentity.applicationID);
        PRAGMA user_version = 1;

        -- One row for every file that was examined in the drop directory.
        CREATE TABLE submissions(
          id INTEGER PRIMARY KEY,
          dev INTEGER NOT NULL, ino INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL,
          sha256 BLOB NOT NULL CHECK(length(sha256) = 32),
          name TEXT NOT NULL,
          uid INTEGER NOT NULL,               -- owner of the open file, never a field of the specification
          outcome TEXT NOT NULL CHECK(outcome IN ('accepted', 'rejected', 'duplicate')),
          file_state TEXT NOT NULL DEFAULT 'in_drop' CHECK(file_state IN ('in_drop', 'moved')),
          job_id INTEGER REFERENCES jobs(id),
          reason TEXT,
          seen_ms INTEGER NOT NULL,
          CHECK((outcome = 'rejected') = (job_id IS NULL))
        ) STRICT;

        CREATE TABLE jobs(
          id INTEGER PRIMARY KEY AUTOINCREMENT,          -- never reused
          name TEXT NOT NULL
            CHECK(name GLOB '[A-Za-z]*' AND name NOT GLOB '*[^A-Za-z0-9._-]*' AND length(name) <= 64),
          run_dir TEXT NOT NULL GENERATED ALWAYS AS (id || '-' || name) VIRTUAL,
          method TEXT NOT NULL,
          queue TEXT NOT NULL DEFAULT 'default',
          uid INTEGER NOT NULL,
          idem_key TEXT,
          array_id INTEGER, array_index INTEGER,         -- for sweeps, later
          replaces INTEGER REFERENCES jobs(id),          -- an edit is a new job
          source BLOB NOT NULL,                          -- the file as it was dropped
          spec BLOB NOT NULL,                            -- canonical
          spec_sha256 BLOB NOT NULL CHECK(length(spec_sha256) = 32),
          spec_version INTEGER NOT NULL,
          priority INTEGER NOT NULL DEFAULT 0,
          not_before_ms INTEGER NOT NULL DEFAULT 0,      -- also the end of a backoff
          cpus INTEGER NOT NULL CHECK(cpus > 0),
          mem_bytes INTEGER NOT NULL CHECK(mem_bytes > 0),
          disk_bytes INTEGER NOT NULL DEFAULT 0,
          time_limit_s INTEGER CHECK(time_limit_s > 0),
          max_failures INTEGER NOT NULL DEFAULT 2,
          state TEXT NOT NULL CHECK(state IN ('held', 'blocked', 'queued', 'starting', 'running', 'stopping', 'backoff',
                                              'succeeded', 'failed', 'cancelled', 'quarantined')),
          state_since_ms INTEGER NOT NULL,
          want TEXT NOT NULL DEFAULT 'run' CHECK(want IN ('run', 'pause', 'cancel')),
          fence INTEGER NOT NULL DEFAULT 0,              -- number of the newest attempt
          failures INTEGER NOT NULL DEFAULT 0,
          interruptions INTEGER NOT NULL DEFAULT 0,
          best_step INTEGER NOT NULL DEFAULT 0,
          reason TEXT,                                   -- JSON: why it does not run
          submitted_ms INTEGER NOT NULL,
          finished_ms INTEGER
        ) STRICT;

        -- "after:" as it was written. A name that no job bears yet is bound to the first such job of the same user.
        CREATE TABLE deps(
          job_id INTEGER NOT NULL REFERENCES jobs(id),
          ord INTEGER NOT NULL,
          on_name TEXT,
          on_id INTEGER REFERENCES jobs(id),
          kind TEXT NOT NULL DEFAULT 'ok' CHECK(kind IN ('ok', 'any', 'failed')),
          PRIMARY KEY(job_id, ord),
          CHECK(on_name IS NOT NULL OR on_id IS NOT NULL)
        ) STRICT, WITHOUT ROWID;

        -- The files a job reads: identity at admission, digest soon after.
        CREATE TABLE inputs(
          job_id INTEGER NOT NULL REFERENCES jobs(id),
          role TEXT NOT NULL,
          path TEXT NOT NULL,
          dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
          sha256 BLOB CHECK(sha256 IS NULL OR length(sha256) = 32),
          PRIMARY KEY(job_id, role, path)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE attempts(
          job_id INTEGER NOT NULL REFERENCES jobs(id),
          n INTEGER NOT NULL CHECK(n > 0),
          state TEXT NOT NULL CHECK(state IN ('created', 'spawned', 'running', 'stopping', 'ended')),
          launcher TEXT NOT NULL DEFAULT 'local',
          pid INTEGER, start_ticks INTEGER, boot_id TEXT, host TEXT,
          remote_key TEXT, remote_id TEXT,               -- for other launchers, later
          cpu_list TEXT, mem_bytes INTEGER, resume_step INTEGER,
          created_ms INTEGER NOT NULL, spawned_ms INTEGER, ended_ms INTEGER, last_beat_ms INTEGER, last_step INTEGER,
          outcome TEXT CHECK(outcome IN ('success', 'checkpointed', 'spec_error', 'data_error', 'diverged', 'crash',
                                         'oom', 'hang', 'timeout', 'io_error', 'killed', 'lost_reboot', 'lost_daemon',
                                         'launch_error')),
          exit_code INTEGER, term_signal INTEGER, max_rss INTEGER, cpu_ms INTEGER, detail TEXT,
          PRIMARY KEY(job_id, n),
          CHECK((state = 'ended') = (outcome IS NOT NULL))
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE checkpoints(
          job_id INTEGER NOT NULL REFERENCES jobs(id),
          step INTEGER NOT NULL,
          attempt INTEGER NOT NULL,
          dir TEXT NOT NULL CHECK(dir NOT LIKE '%/%'),
          manifest_sha256 BLOB NOT NULL CHECK(length(manifest_sha256) = 32),
          bytes INTEGER NOT NULL,
          created_ms INTEGER NOT NULL,
          state TEXT NOT NULL DEFAULT 'ok' CHECK(state IN ('ok', 'corrupt', 'pruned')),
          PRIMARY KEY(job_id, step, attempt),
          FOREIGN KEY(job_id, attempt) REFERENCES attempts(job_id, n)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE events(
          seq INTEGER PRIMARY KEY AUTOINCREMENT,
          ts_ms INTEGER NOT NULL,
          job_id INTEGER, attempt INTEGER,
          type TEXT NOT NULL,
          from_state TEXT, to_state TEXT,
          actor TEXT NOT NULL,
          data TEXT                                      -- JSON
        ) STRICT;

        CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID;

        -- The legal moves of a job.
        CREATE TABLE transitions(f TEXT NOT NULL, t TEXT NOT NULL, PRIMARY KEY(f, t)) STRICT, WITHOUT ROWID;

        """

    private static let indices = """
        -- A file met again after a crash between commit and rename is recognised.
        CREATE UNIQUE INDEX submissions_live ON submissions(dev, ino, mtime_ns, size, sha256)
          WHERE file_state = 'in_drop';
        CREATE UNIQUE INDEX jobs_idem ON jobs(uid, idem_key) WHERE idem_key IS NOT NULL;
        CREATE INDEX jobs_pick ON jobs(queue, priority DESC, id) WHERE state = 'queued';
        CREATE INDEX jobs_live ON jobs(state) WHERE state NOT IN ('succeeded', 'failed', 'cancelled');
        CREATE INDEX jobs_name ON jobs(uid, name, id);
        CREATE UNIQUE INDEX deps_once ON deps(job_id, on_id) WHERE on_id IS NOT NULL;
        CREATE INDEX deps_unbound ON deps(on_name) WHERE on_id IS NULL;
        CREATE INDEX deps_waiting_for ON deps(on_id) WHERE on_id IS NOT NULL;
        CREATE UNIQUE INDEX attempts_one_open ON attempts(job_id) WHERE state <> 'ended';
        CREATE UNIQUE INDEX attempts_remote ON attempts(launcher, remote_key) WHERE remote_key IS NOT NULL;
        CREATE INDEX events_job ON events(job_id, seq);

        """

    private static let transitions = """
        INSERT INTO transitions(f, t) VALUES
          ('held', 'queued'), ('held', 'blocked'), ('held', 'cancelled'),
          ('blocked', 'queued'), ('blocked', 'held'), ('blocked', 'cancelled'), ('blocked', 'failed'),
          ('queued', 'starting'), ('queued', 'held'), ('queued', 'cancelled'), ('queued', 'blocked'),
          ('starting', 'running'), ('starting', 'stopping'), ('starting', 'queued'), ('starting', 'backoff'),
          ('starting', 'failed'), ('starting', 'cancelled'), ('starting', 'quarantined'),
          ('running', 'stopping'), ('running', 'succeeded'), ('running', 'queued'), ('running', 'backoff'),
          ('running', 'failed'), ('running', 'quarantined'),
          ('stopping', 'queued'), ('stopping', 'held'), ('stopping', 'cancelled'), ('stopping', 'succeeded'),
          ('stopping', 'backoff'), ('stopping', 'failed'), ('stopping', 'quarantined'),
          ('backoff', 'queued'), ('backoff', 'held'), ('backoff', 'cancelled'),
          ('failed', 'queued'), ('cancelled', 'queued'), ('quarantined', 'queued');

        """

    private static let jobTriggers = """
        CREATE TRIGGER jobs_born BEFORE INSERT ON jobs
        WHEN NEW.state NOT IN ('held', 'blocked', 'queued') OR NEW.fence <> 0
        BEGIN SELECT RAISE(ABORT, 'a job is born held, blocked or queued'); END;

        CREATE TRIGGER jobs_legal_move BEFORE UPDATE OF state ON jobs
        WHEN OLD.state <> NEW.state AND NOT EXISTS(SELECT 1 FROM transitions WHERE f = OLD.state AND t = NEW.state)
        BEGIN SELECT RAISE(ABORT, 'illegal job state transition'); END;

        CREATE TRIGGER jobs_success_is_final BEFORE UPDATE ON jobs WHEN OLD.state = 'succeeded'
        BEGIN SELECT RAISE(ABORT, 'succeeded is final'); END;

        CREATE TRIGGER jobs_fence_monotone BEFORE UPDATE OF fence ON jobs WHEN NEW.fence < OLD.fence
        BEGIN SELECT RAISE(ABORT, 'fence went backwards'); END;

        CREATE TRIGGER jobs_identity
        BEFORE UPDATE OF id, name, method, uid, source, spec, spec_sha256, spec_version ON jobs
        BEGIN SELECT RAISE(ABORT, 'what a job is does not change'); END;

        """

    private static let otherTriggers = """
        CREATE TRIGGER attempts_newest BEFORE INSERT ON attempts
        WHEN NEW.n <> (SELECT fence FROM jobs WHERE id = NEW.job_id)
        BEGIN SELECT RAISE(ABORT, 'attempt number is not the fence'); END;

        CREATE TRIGGER attempts_end_once BEFORE UPDATE ON attempts WHEN OLD.state = 'ended'
        BEGIN SELECT RAISE(ABORT, 'an ended attempt does not change'); END;

        CREATE TRIGGER deps_bind_once BEFORE UPDATE OF on_id ON deps
        WHEN OLD.on_id IS NOT NULL AND NEW.on_id IS NOT OLD.on_id
        BEGIN SELECT RAISE(ABORT, 'dependency is already bound'); END;

        \(acyclic(on: "INSERT", name: "deps_acyclic_i"))
        \(acyclic(on: "UPDATE OF on_id", name: "deps_acyclic_u"))
        CREATE TRIGGER inputs_pin_once BEFORE UPDATE ON inputs WHEN OLD.sha256 IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'an input is pinned once'); END;

        CREATE TRIGGER events_append_only BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

        """

    private static func acyclic(on event: String, name: String) -> String {
        """
        CREATE TRIGGER \(name) BEFORE \(event) ON deps WHEN NEW.on_id IS NOT NULL AND EXISTS(
          WITH RECURSIVE up(id) AS (
            SELECT NEW.on_id
            UNION SELECT deps.on_id FROM deps JOIN up ON deps.job_id = up.id WHERE deps.on_id IS NOT NULL)
          SELECT 1 FROM up WHERE id = NEW.job_id)
        BEGIN SELECT RAISE(ABORT, 'dependency cycle'); END;

        """
    }
}
