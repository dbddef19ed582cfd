import Foundation
import SeededRandom
import Testing

/// What a run did to the files below a root, in order, as Tests/Interposer wrote it down.
struct RecordedChanges {
    enum Change {
        case create(UInt64, String)
        case write(UInt64, Int, ArraySlice<UInt8>)
        case truncate(UInt64, Int)
        case sync(UInt64)
        case syncDirectory(String)
        case rename(String, String)
        case link(String, String)
        case unlink(String)
        case makeDirectory(String)
        case removeDirectory(String)
    }

    let changes: [Change]

    /// Reads the log at `path`; paths become relative to `root`.
    init(_ path: String, root: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        var changes: [Change] = []
        var place = 0
        func number<Number: FixedWidthInteger>(_ offset: Int, _ type: Number.Type) -> Number {
            (0..<MemoryLayout<Number>.size).reversed().reduce(Number(0)) { $0 << 8 | Number(bytes[place + offset + $1]) }
        }
        while place + 29 <= bytes.count {
            guard bytes[place..<place + 4].elementsEqual("HIO1".utf8) else { throw Damaged(at: place) }
            let (inode, offset) = (number(5, UInt64.self), Int(truncatingIfNeeded: number(13, UInt64.self)))
            let (one, two) = (Int(number(21, UInt32.self)), Int(number(25, UInt32.self)))
            let kind = bytes[place + 4]
            let start = place + 29
            let first = bytes[start..<start + one]
            func name(_ slice: ArraySlice<UInt8>) -> String {
                String(String(decoding: slice, as: UTF8.self).dropFirst(root.count + 1))
            }
            let second = name(bytes[start + one..<start + one + two])
            switch Character(UnicodeScalar(kind)) {
            case "c": changes.append(.create(inode, name(first)))
            case "w": changes.append(.write(inode, offset, first))
            case "t": changes.append(.truncate(inode, offset))
            case "s": changes.append(.sync(inode))
            case "d": changes.append(.syncDirectory(name(first)))
            case "r": changes.append(.rename(name(first), second))
            case "l": changes.append(.link(name(first), second))
            case "u": changes.append(.unlink(name(first)))
            case "m": changes.append(.makeDirectory(name(first)))
            case "x": changes.append(.removeDirectory(name(first)))
            default: throw Damaged(at: place)
            }
            place = start + one + two
        }
        self.changes = changes
    }

    struct Damaged: Error { let at: Int }

    /// Places after which a loss of power is worth trying: every change that is not a mere write or opening, and the
    /// one before it.
    var boundaries: [Int] {
        changes.indices.filter { index in
            switch changes[index] {
            case .write, .create, .truncate: index + 1 < changes.count && !isWrite(index + 1)
            default: true
            }
        }
    }

    private func isWrite(_ index: Int) -> Bool {
        if case .write = changes[index] { true } else { false }
    }

    /// The library that writes such logs and injects faults, compiled once; nil where there is no compiler.
    static let interposer: String? = {
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Interposer/interpose.c").path
        let library = FileManager.default.temporaryDirectory.appending(path: "hone-interpose-\(getpid()).so").path
        for compiler in ["/usr/bin/clang", "/usr/bin/gcc", "/usr/bin/cc"] where access(compiler, X_OK) == 0 {
            let process = Process()
            process.executableURL = URL(filePath: compiler)
            process.arguments = ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
            guard (try? process.run()) != nil else { continue }
            process.waitUntilExit()
            if process.terminationStatus == 0 { return library }
        }
        return nil
    }()
}

/// The files below a root as a disk would have them: what was forced to it, and what may or may not have reached it.
///
/// Names change in the order in which they were changed, as in a file system with a journal; contents that were not
/// forced may be there, be missing, or be there in part, in any order.
struct DiskModel {
    private struct File {
        var durable: [UInt8] = []
        var pending: [RecordedChanges.Change] = []
    }

    private var files: [Int: File] = [:]
    private var numberOfInode: [UInt64: Int] = [:]
    private var next = 0
    /// Names that are safe, and changes of names that are not yet.
    private var durableNames: [String: Int] = [:]
    private var names: [String: Int] = [:]
    private var pendingNames: [(change: RecordedChanges.Change, file: Int?)] = []
    static let directory = -1

    /// A disk with some files on it already: contents and inodes by name.
    init(_ there: [(name: String, inode: UInt64, bytes: [UInt8])], directories: [String]) {
        for file in there {
            let number = newFile(file.inode)
            files[number]?.durable = file.bytes
            durableNames[file.name] = number
        }
        for directory in directories { durableNames[directory] = Self.directory }
        names = durableNames
    }

    private mutating func newFile(_ inode: UInt64) -> Int {
        next += 1
        files[next] = File()
        numberOfInode[inode] = next
        return next
    }

    mutating func apply(_ change: RecordedChanges.Change) {
        switch change {
        case .create(let inode, let name):
            let number = newFile(inode)
            names[name] = number
            pendingNames.append((change, number))
        case .write(let inode, _, _), .truncate(let inode, _):
            guard let number = numberOfInode[inode] else { return }
            files[number]?.pending.append(change)
        case .sync(let inode):
            guard let number = numberOfInode[inode], var file = files[number] else { return }
            for write in file.pending { Self.perform(write, on: &file.durable) }
            file.pending = []
            files[number] = file
        case .syncDirectory(let directory): settleNames(of: directory)
        case .rename, .link, .unlink, .makeDirectory, .removeDirectory:
            let file: Int? = if case .link(let old, _) = change { names[old] } else { nil }
            Self.perform(change, file, on: &names)
            pendingNames.append((change, file))
        }
    }

    /// A journal keeps order: with the last change of this directory, all that came before are safe.
    private mutating func settleNames(of directory: String) {
        let last = pendingNames.lastIndex { change, _ in Self.parents(of: change).contains(directory) }
        guard let last else { return }
        for (change, file) in pendingNames[...last] { Self.perform(change, file, on: &durableNames) }
        pendingNames.removeFirst(last + 1)
    }

    private static func parents(of change: RecordedChanges.Change) -> [String] {
        let paths: [String] =
            switch change {
            case .create(_, let name), .unlink(let name), .makeDirectory(let name), .removeDirectory(let name): [name]
            case .rename(let old, let new), .link(let old, let new): [old, new]
            case .write, .truncate, .sync, .syncDirectory: []
            }
        return paths.map { path in path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }
    }

    private static func perform(_ change: RecordedChanges.Change, _ file: Int?, on names: inout [String: Int]) {
        switch change {
        case .create(_, let name): names[name] = file
        case .rename(let old, let new):
            // A directory takes what is in it along.
            let moved = names.filter { $0.key == old || $0.key.hasPrefix(old + "/") }
            for (name, number) in moved {
                names[name] = nil
                names[new + name.dropFirst(old.count)] = number
            }
        case .link(_, let new): names[new] = file
        case .unlink(let name), .removeDirectory(let name): names[name] = nil
        case .makeDirectory(let name): names[name] = directory
        case .write, .truncate, .sync, .syncDirectory: break
        }
    }

    private static func perform(_ change: RecordedChanges.Change, on bytes: inout [UInt8]) {
        switch change {
        case .write(_, let offset, let data):
            if bytes.count < offset + data.count { bytes += [UInt8](repeating: 0, count: offset + data.count - bytes.count) }
            bytes.replaceSubrange(offset..<offset + data.count, with: data)
        case .truncate(_, let length):
            if bytes.count > length {
                bytes.removeLast(bytes.count - length)
            } else {
                bytes += [UInt8](repeating: 0, count: length - bytes.count)
            }
        default: break
        }
    }

    /// What a loss of power leaves.
    enum Loss: String, CaseIterable {
        /// Everything that was not forced to the disk is gone.
        case dropped
        /// Everything is there, as after a kill.
        case kept
        /// Some of it, in any order, some of it torn in the middle.
        case mixed
    }

    /// The names and contents after a loss of power now. Directories have nil.
    func image(_ loss: Loss, _ random: inout SplitMix64) -> [(name: String, file: (number: Int, bytes: [UInt8])?)] {
        var kept = durableNames
        let count =
            switch loss {
            case .dropped: 0
            case .kept: pendingNames.count
            case .mixed: Int(random.below(UInt64(pendingNames.count + 1)))
            }
        for (change, file) in pendingNames.prefix(count) { Self.perform(change, file, on: &kept) }
        return kept.sorted { $0.key < $1.key }.map { name, number in
            guard let file = files[number] else { return (name, nil) }
            var bytes = file.durable
            for write in file.pending {
                switch loss {
                case .dropped: break
                case .kept: Self.perform(write, on: &bytes)
                case .mixed:
                    switch random.below(3) {
                    case 0: break
                    case 1: Self.perform(write, on: &bytes)
                    default: Self.perform(Self.torn(write, &random), on: &bytes)
                    }
                }
            }
            return (name, (number, bytes))
        }
    }

    private static func torn(_ write: RecordedChanges.Change, _ random: inout SplitMix64) -> RecordedChanges.Change {
        guard case .write(let inode, let offset, let data) = write, data.count > 1 else { return write }
        // Disks write sectors whole.
        let sectors = max(1, data.count / 512)
        return .write(inode, offset, data.prefix(Int(random.below(UInt64(sectors))) * 512))
    }
}
