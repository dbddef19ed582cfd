import Foundation

/// The folder of shared data that a clone may have beside it; tests on real files are skipped without it.
enum SharedData {
    static let path =
        ProcessInfo.processInfo.environment["HONE_SHARED"]
        ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared").path

    static let isPresent = FileManager.default.fileExists(atPath: path + "/data/corpus.txt")
}
