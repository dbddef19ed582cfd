import Foundation
import TestFolders

/// The folder of shared data that a clone may have beside it; tests on real files are skipped without it.
enum SharedData {
    static let path = sharedFolder

    static let isPresent = FileManager.default.fileExists(atPath: path + "/data/corpus.txt")
}
