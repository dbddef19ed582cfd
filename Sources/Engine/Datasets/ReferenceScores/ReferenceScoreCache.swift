import DurableFiles
import FoundationEssentials
import Glibc

/// Per-token reference log-probabilities of a preference dataset, computed once and kept on disk.
///
/// A folder holds the scores, their lengths and a manifest with digests; it appears whole or not at all, and is
/// verified wholly when opened. Memory is 8 bytes a pair.
package final class ReferenceScoreCache {
    /// What the scores depend on.
    package let key: ReferenceScoreKey

    private let file: OpenFile
    /// Number of scores before each pair and, last, of all.
    private let offsets: [Int]
    /// Number of chosen tokens of each pair.
    private let chosenCounts: [Int32]

    static let scoresName = "scores.f32"
    static let lengthsName = "lengths.i32"
    static let manifestName = "manifest.json"

    private init(key: ReferenceScoreKey, folder: String, lengths: [Int32]) throws {
        self.key = key
        file = try OpenFile(folder + "/" + Self.scoresName, O_RDONLY)
        var offsets = [0]
        offsets.reserveCapacity(lengths.count / 2 + 1)
        for pair in 0..<lengths.count / 2 {
            offsets.append(offsets[pair] + Int(lengths[2 * pair]) + Int(lengths[2 * pair + 1]))
        }
        self.offsets = offsets
        chosenCounts = stride(from: 0, to: lengths.count, by: 2).map { lengths[$0] }
    }

    /// Number of pairs.
    package var count: Int { chosenCounts.count }

    /// Scores of a pair, whose responses must have the lengths they had when they were scored.
    /// - Throws: `ReferenceScoreError` if the lengths differ, `FileError` if the file cannot be read.
    package func scores(_ pair: Int, chosenCount: Int, rejectedCount: Int) throws -> PairReferenceScores {
        let total = offsets[pair + 1] - offsets[pair]
        let chosen = Int(chosenCounts[pair])
        guard chosen == chosenCount && total - chosen == rejectedCount else {
            throw ReferenceScoreError(
                "pair \(pair) was scored with \(chosen) and \(total - chosen) tokens, expected \(chosenCount) and "
                    + "\(rejectedCount)")
        }
        let values = try read(offsets[pair]..<offsets[pair + 1])
        return PairReferenceScores(chosen: Array(values[..<chosen]), rejected: Array(values[chosen...]))
    }

    private func read(_ range: Range<Int>) throws -> [Float] {
        let bytes = range.count * MemoryLayout<Float>.size
        return try [Float](unsafeUninitializedCapacity: range.count) { buffer, count in
            let memory = UnsafeMutableRawBufferPointer(buffer)
            var done = 0
            while done < bytes {
                let position = off_t(range.lowerBound * MemoryLayout<Float>.size + done)
                let read = pread(file.descriptor, memory.baseAddress.map { $0 + done }, bytes - done, position)
                if read > 0 {
                    done += read
                } else if read == 0 || errno != EINTR {
                    throw read == 0
                        ? FileError(path: file.path, operation: "read", code: 0, detail: "the file became shorter")
                        : FileError.last("read", file.path)
                }
            }
            count = range.count
        }
    }
}

/// What opening a cache found.
package enum ReferenceScoreLookup {
    /// Verified scores.
    case found(ReferenceScoreCache)
    /// Nothing under this key.
    case missing
    /// Something that cannot be used, and why; it will be replaced.
    case unusable(reason: String)
}

/// Why reference scores cannot be used.
package struct ReferenceScoreError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = "reference scores: \(description)"
    }
}

/// The content of a cache's manifest.
private struct Manifest: Codable {
    struct File: Codable, Equatable {
        let name: String
        let bytes: Int
        let sha256: String
    }

    static let currentFormat = 1

    let format: Int
    let key: ReferenceScoreKey
    let pairs: Int
    let files: [File]
}

extension ReferenceScoreCache {
    /// Opens the cache of a key under `directory` and verifies every byte of it.
    package static func open(in directory: String, key: ReferenceScoreKey) -> ReferenceScoreLookup {
        let folder = directory + "/" + key.folderName
        guard fileKind(folder) != .missing else { return .missing }
        do {
            let manifest = try readManifest(folder)
            guard manifest.format == Manifest.currentFormat, manifest.key == key else {
                return .unusable(reason: "\(folder) holds the scores of another model, dataset or format")
            }
            for file in manifest.files { try verify(file, in: folder) }
            let lengths = try readLengths(folder, pairs: manifest.pairs)
            return .found(try ReferenceScoreCache(key: key, folder: folder, lengths: lengths))
        } catch {
            return .unusable(reason: "\(error)")
        }
    }

    /// Computes the scores of `pairs` pairs, publishes them as one act, and opens the result.
    ///
    /// What lies under the key and is unusable is replaced. Should another process publish the same scores first, its
    /// are used.
    /// - Parameter nextScores: the scores of one or more pairs from the given index on. What it throws ends the work
    ///   and leaves nothing behind.
    package static func create(
        in directory: String, key: ReferenceScoreKey, pairs: Int,
        nextScores: (_ firstPair: Int) throws -> [PairReferenceScores]
    ) throws -> ReferenceScoreCache {
        try makeDirectory(directory)
        if case .unusable = open(in: directory, key: key) { try removeTree(directory + "/" + key.folderName) }
        var folder = try DurableDirectory(
            in: directory, name: key.folderName, temporaryName: ".\(key.folderName).tmp-\(getpid())")
        do {
            let lengths = try writeScores(to: &folder, pairs: pairs, nextScores)
            try folder.add(lengthsName) { file in try lengths.withUnsafeBytes { try file.write($0) } }
            try writeManifest(to: &folder, key: key, pairs: pairs)
            try folder.publish()
        } catch {
            try folder.discard()
            guard let error = error as? FileError, error.code == EEXIST else { throw error }
        }
        switch open(in: directory, key: key) {
        case .found(let cache): return cache
        case .missing: throw ReferenceScoreError("\(folder.finalPath) vanished after it was written")
        case .unusable(let reason): throw ReferenceScoreError(reason)
        }
    }

    private static func writeScores(
        to folder: inout DurableDirectory, pairs: Int, _ nextScores: (Int) throws -> [PairReferenceScores]
    ) throws -> [Int32] {
        var lengths: [Int32] = []
        try folder.add(scoresName) { file in
            while lengths.count < 2 * pairs {
                let first = lengths.count / 2
                let scores = try nextScores(first)
                precondition(!scores.isEmpty && first + scores.count <= pairs, "scores of the pairs that are left")
                for pair in scores {
                    lengths += [Int32(pair.chosen.count), Int32(pair.rejected.count)]
                    try pair.chosen.withUnsafeBytes { try file.write($0) }
                    try pair.rejected.withUnsafeBytes { try file.write($0) }
                }
            }
        }
        return lengths
    }

    private static func writeManifest(
        to folder: inout DurableDirectory, key: ReferenceScoreKey, pairs: Int
    ) throws {
        let files = folder.files.map { Manifest.File(name: $0.name, bytes: $0.bytes, sha256: $0.sha256) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        let bytes = [UInt8](
            try encoder.encode(Manifest(format: Manifest.currentFormat, key: key, pairs: pairs, files: files)))
        try folder.add(manifestName) { try $0.write(bytes) }
    }

    private static func readManifest(_ folder: String) throws -> Manifest {
        let path = folder + "/" + manifestName
        do {
            return try JSONDecoder().decode(Manifest.self, from: Data(try readFile(path)))
        } catch let error as DecodingError {
            throw ReferenceScoreError("\(path) is not a manifest of this format (\(error))")
        }
    }

    private static func verify(_ file: Manifest.File, in folder: String) throws {
        guard [scoresName, lengthsName].contains(file.name) else {
            throw ReferenceScoreError("\(folder) lists an unknown file \(file.name)")
        }
        let path = folder + "/" + file.name
        let found = try SHA256.hex(ofFile: path)
        guard found.hex == file.sha256 && found.bytes == file.bytes else {
            throw ReferenceScoreError("\(path) differs from what was written")
        }
    }

    /// The verified lengths; they must account for every score.
    private static func readLengths(_ folder: String, pairs: Int) throws -> [Int32] {
        let bytes = try readFile(folder + "/" + lengthsName)
        let lengths = bytes.withUnsafeBytes { buffer in
            (0..<buffer.count / 4).map { buffer.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
        }
        let scores = try fileSize(folder + "/" + scoresName) / MemoryLayout<Float>.size
        guard lengths.count == 2 * pairs, lengths.allSatisfy({ $0 >= 0 }),
            lengths.reduce(0, { $0 + Int($1) }) == scores
        else { throw ReferenceScoreError("\(folder) has lengths that do not fit its \(scores) scores") }
        return lengths
    }
}
