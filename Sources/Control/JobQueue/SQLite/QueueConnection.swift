import Dispatch
import GRDB

/// How the queue is opened.
enum QueueConnection {
    /// For the daemon: the one connection that writes.
    static func writing() -> Configuration {
        var configuration = Configuration()
        configuration.label = "hone.queue"
        configuration.busyMode = .timeout(5)
        // Above the default, libdispatch calls setpriority, which an ordinary user may not.
        configuration.qos = .utility
        configuration.prepareDatabase { database in
            // GRDB's own journalMode would lower synchronous to NORMAL, which may forget a commit at a loss of power.
            try database.execute(
                sql: """
                    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 1000;
                    PRAGMA temp_store = MEMORY
                    """)
            guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
                throw StoreError.notDurable("synchronous is not FULL")
            }
        }
        return configuration
    }

    /// For everybody else: nothing is created, locked for long or changed.
    static func reading() -> Configuration {
        var configuration = Configuration()
        configuration.label = "hone.queue.reader"
        configuration.readonly = true
        configuration.busyMode = .timeout(1)
        configuration.qos = .utility
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0") }
        return configuration
    }
}

extension StoreError {
    /// A database error in the words of the store.
    init(_ error: DatabaseError) {
        switch error.resultCode {
        case .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_CANTOPEN, .SQLITE_READONLY,
            .SQLITE_NOMEM:
            self = .unavailable(error.message ?? "\(error.resultCode)")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self = .databaseRefused(path: "queue.db", reason: error.message ?? "damaged", copies: nil)
        default: self = .refused(error.message ?? "\(error.resultCode)")
        }
    }

    /// Runs `body` and turns the database's errors into the store's.
    static func translating<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw StoreError(error)
        }
    }
}
