import CLinux

/// The disk that runs are written to.
struct DiskSpace: Sendable, Hashable {
    /// Bytes in all.
    let total: Int64
    /// Bytes that are free.
    let available: Int64

    /// The disk that `path` lies on.
    static func of(_ path: String) -> DiskSpace {
        DiskSpace(
            total: Int64(clamping: hone_total_bytes(path)), available: Int64(clamping: hone_free_bytes(path)))
    }

    /// What is left for everything else: a twentieth of the disk, and never less than 2 GiB.
    var floor: Int64 { max(2 << 30, total / 20) }

    /// Bytes for jobs to come, when those that run will still write so much each.
    func free(besides reservations: [Int64]) -> Int64 {
        reservations.reduce(available - floor) { left, reserved in
            let (rest, overflows) = left.subtractingReportingOverflow(reserved)
            return overflows ? .min : rest
        }
    }
}
