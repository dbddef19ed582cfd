import CLinux
import DurableFiles
import Glibc
import JobModel
import JobQueue

/// The files that became jobs, where they lie now: the source of every job, and who dropped it.
struct AcceptedFiles {
    /// A file that became a job, or is about to.
    struct Drop {
        let path: String
        let file: SubmittedFile
        let bytes: [UInt8]
        /// Digest of the specification in its canonical form; nil for a text that is none.
        let specSHA256: String?
    }

    private let root: Root
    private let shelved: [Int64: [String]]

    init(_ root: Root) throws {
        self.root = root
        let shelf = "\(root.spool)/accepted"
        let names = fileKind(shelf) == .directory ? try directoryNames(shelf) : []
        shelved = Dictionary(grouping: names.filter { Self.job(named: $0) != nil }) { Self.job(named: $0) ?? 0 }
            .mapValues { $0.map { "\(shelf)/\($0)" } }
    }

    /// The largest job number that a file names.
    var highest: Int64 { shelved.keys.max() ?? 0 }

    /// The numbers that files name, in order.
    var numbers: [Int64] { shelved.keys.sorted() }

    /// The file behind a job, the one with this specification if there are several (a job dropped twice under one
    /// idempotency key).
    func source(of job: Int64, specSHA256: String?) -> Drop? {
        let drops = (shelved[job] ?? []).compactMap(Self.read)
        return drops.first { $0.specSHA256 == specSHA256 && specSHA256 != nil } ?? drops.first { $0.specSHA256 != nil }
    }

    /// What still lies in the drop directory.
    func waiting() -> [Drop] {
        ((try? directoryNames(root.spool)) ?? []).filter { !$0.hasPrefix(".") && DropName($0).isJob }
            .compactMap { Self.read("\(root.spool)/\($0)") }
    }

    /// `12-lm.yaml`, or with a time in front where that name was taken: `20260102T030405Z-12-lm.yaml`.
    private static func job(named file: String) -> Int64? {
        let parts = file.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = parts.first else { return nil }
        if let number = Int64(first), number > 0 { return number }
        guard first.hasSuffix("Z"), first.contains("T"), parts.count > 1 else { return nil }
        return Int64(parts[1]).flatMap { $0 > 0 ? $0 : nil }
    }

    private static func read(_ path: String) -> Drop? {
        guard fileKind(path) == .file, let file = try? OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) else { return nil }
        var status = hone_file_status()
        guard hone_fstat(file.descriptor, &status) == 0, status.size <= Int64(DropDirectory.sizeLimit),
            let bytes = try? readFile(path, limit: DropDirectory.sizeLimit)
        else { return nil }
        let identity = FileIdentity(status)
        let name = lastComponent(path)
        let spec = try? JobSpec.decode(bytes, format: SpecFormat(fileName: name) ?? .yaml)
        return Drop(
            path: path,
            file: SubmittedFile(
                name: name, uid: Int64(identity.owner), device: identity.device, inode: identity.inode,
                modifiedNanoseconds: identity.modifiedNanoseconds, size: identity.size, sha256: SHA256.hex(of: bytes)),
            bytes: bytes, specSHA256: spec.map { SHA256.hex(of: $0.canonicalJSON()) })
    }
}
