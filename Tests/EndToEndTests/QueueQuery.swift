import Foundation
import GRDB

/// Looks into a queue that no daemon has open.
enum QueueQuery {
    /// The first column of the first row, as text.
    static func value(_ sql: String, in file: String) throws -> String {
        let queue = try DatabaseQueue(path: file)
        defer { try? queue.close() }
        return try queue.read { try String.fetchOne($0, sql: sql) } ?? "null"
    }
}
