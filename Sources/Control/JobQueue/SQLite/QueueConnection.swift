import Dispatch
import Foundation
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
                    PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 4000;
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

    /// Opens the queue at `path` as everybody else does.
    ///
    /// Without a write-ahead log the daemon has stopped cleanly, and plain reading would want to create one; then the
    /// file is read as immutable.
    static func reader(at path: String) throws -> DatabaseQueue {
        let isLive = FileSystem.size(path + "-wal") != nil
        let name = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
        return try DatabaseQueue(path: isLive ? path : "file:\(name)?immutable=1", configuration: reading())
    }
}

extension StoreError {
    /// An error of the database at `path` in the words of the store. Only what breaks a rule of the schema is the fault
    /// of what was asked for.
    init(_ error: DatabaseError, at path: String) {
        let words = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_CONSTRAINT: self = .refused(words)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .databaseRefused(path: path, reason: words, copies: nil)
        default: self = .unavailable(words)
        }
    }

    /// An error met while working on the database at `path`, whatever it is, in the words of the store.
    init(any error: any Error, at path: String) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError: self.init(error, at: path)
        default: self = .unavailable("\(path): \(error)")
        }
    }

    /// Runs `body` and turns the errors of the database at `path` into the store's.
    static func translating<Value>(
        at path: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw StoreError(error, at: path)
        }
    }
}
