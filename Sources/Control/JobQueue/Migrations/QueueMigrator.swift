import GRDB

/// What makes a file a queue of ours.
enum DatabaseIdentity {
    /// `HONE` in ASCII, in the header of the file.
    static let applicationID = 0x484F_4E45
}

/// The versions of the schema, forward only.
enum QueueMigrator {
    static func make() -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("version 1") { try $0.execute(sql: SchemaVersion1.sql) }
        return migrator
    }
}
