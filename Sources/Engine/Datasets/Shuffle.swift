import Compute

/// How far training has come in its data: enough to go on with exactly the next example.
package struct DataCursor: Sendable, Hashable, Codable {
    /// Complete passes over the data.
    package var epoch: Int
    /// Examples of the current pass that are done.
    package var index: Int

    /// The beginning of the data, or the given place.
    package init(epoch: Int = 0, index: Int = 0) {
        self.epoch = epoch
        self.index = index
    }
}

/// The endless order of examples: a new permutation every epoch, a pure function of seed and epoch.
package struct ExampleOrder: Sendable {
    /// Number of examples.
    package let count: Int
    /// Seed of the permutations.
    package let seed: UInt64
    /// Without it every epoch has the order of the file.
    package let isShuffled: Bool
    /// The next example's place.
    package private(set) var cursor: DataCursor

    /// The permutation of the cursor's epoch; 4 bytes an example.
    private var order: [Int32]

    /// Separates this use of the seed from others; the epoch is in the lower half.
    private static let stream: UInt64 = 0x6F72_6465 << 32

    /// The order of `count` examples, going on at `cursor`.
    package init(count: Int, seed: UInt64, isShuffled: Bool = true, cursor: DataCursor = DataCursor()) {
        precondition(count > 0 && cursor.index >= 0 && cursor.index <= count, "a place within the data")
        self.count = count
        self.seed = seed
        self.isShuffled = isShuffled
        self.cursor = cursor
        order = Self.order(count, seed, isShuffled, epoch: cursor.epoch)
        normalize()
    }

    /// Index of the next example; the cursor moves behind it.
    package mutating func next() -> Int {
        defer {
            cursor.index += 1
            normalize()
        }
        return Int(order[cursor.index])
    }

    /// Indices of the next `count` examples, across the end of an epoch if need be.
    package mutating func next(_ count: Int) -> [Int] {
        (0..<count).map { _ in next() }
    }

    private mutating func normalize() {
        guard cursor.index == count else { return }
        cursor = DataCursor(epoch: cursor.epoch + 1, index: 0)
        order = Self.order(count, seed, isShuffled, epoch: cursor.epoch)
    }

    private static func order(_ count: Int, _ seed: UInt64, _ isShuffled: Bool, epoch: Int) -> [Int32] {
        guard isShuffled else { return (0..<Int32(count)).map { $0 } }
        return RandomStream(seed: seed, stream: stream | UInt64(epoch)).permutation(of: count)
    }
}
