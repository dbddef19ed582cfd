internal import CKernels

/// Bump allocation for one training step.
///
/// The memory is mapped once, with huge pages where the system has them, and reused by every step. It is not zeroed.
/// A *measuring* arena hands out windows that must not be touched and only adds up their sizes, so that the memory
/// of a step is computed by the code that lays it out.
package final class Arena {
    /// A position to return to.
    package struct Mark: BitwiseCopyable {
        fileprivate let used: Int
    }

    /// Every window starts at a multiple of this many bytes.
    package static let alignment = 64

    /// Whether this arena only adds up sizes.
    package let isMeasuring: Bool
    /// Bytes that can be handed out.
    package let capacity: Int
    /// Bytes handed out now.
    package private(set) var used = 0
    /// Most bytes that were handed out at one time.
    package private(set) var highWaterMark = 0

    private let base: UnsafeMutableRawPointer

    /// Maps `byteCount` bytes. Pages cost memory only once they are touched.
    package init(byteCount: Int) throws(ComputeError) {
        guard let memory = hone_memory_map(byteCount) else { throw .outOfMemory(byteCount: byteCount) }
        base = memory
        capacity = byteCount
        isMeasuring = false
    }

    private init() {
        // An address that is aligned and never read: the windows of a measuring arena have sizes, not elements.
        base = UnsafeMutableRawPointer(bitPattern: Arena.alignment).unsafelyUnwrapped
        capacity = .max
        isMeasuring = true
    }

    deinit {
        if !isMeasuring { hone_memory_unmap(base, capacity) }
    }

    /// An arena that measures: `highWaterMark` afterwards is what a real one needs.
    package static func measuring() -> Arena { Arena() }

    /// A window of uninitialised elements.
    package func matrix(_ rows: Int, _ columns: Int) -> Matrix {
        Matrix(base: allocate(Real.self, rows * columns), rows: rows, columns: columns)
    }

    /// Uninitialised 32-bit integers.
    package func integers(_ count: Int) -> UnsafeMutableBufferPointer<Int32> {
        UnsafeMutableBufferPointer(start: allocate(Int32.self, count), count: count)
    }

    /// The present position.
    package func mark() -> Mark { Mark(used: used) }

    /// Gives back everything that was handed out since `mark`.
    package func rewind(to mark: Mark) {
        precondition(mark.used <= used, "rewinding forward")
        used = mark.used
    }

    private func allocate<Element: BitwiseCopyable>(_: Element.Type, _ count: Int) -> UnsafeMutablePointer<Element> {
        let bytes = count * MemoryLayout<Element>.stride
        let start = used
        used += (bytes + Arena.alignment - 1) / Arena.alignment * Arena.alignment
        precondition(used <= capacity, "arena of \(capacity) bytes is full: the measured plan was not followed")
        highWaterMark = max(highWaterMark, used)
        let address = isMeasuring ? base : base + start
        return address.assumingMemoryBound(to: Element.self)
    }
}

/// What can go wrong below the layers.
package enum ComputeError: Error, Equatable, CustomStringConvertible {
    case outOfMemory(byteCount: Int)
    case noThreads(count: Int)
    case malformedLayout(String)

    package var description: String {
        switch self {
        case .outOfMemory(let byteCount): "cannot map \(byteCount) bytes of memory"
        case .noThreads(let count): "cannot start a team of \(count) threads"
        case .malformedLayout(let why): "malformed sequence layout: \(why)"
        }
    }
}
