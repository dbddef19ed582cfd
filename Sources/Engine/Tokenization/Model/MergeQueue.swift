/// A binary heap of merges, lowest rank first and leftmost first among equals.
struct MergeQueue: Sendable {
    /// Rank in the upper half, position in the lower.
    private var heap: [UInt64] = []
    /// How many merges were ever put in: the work of an encoding.
    private(set) var insertionCount = 0

    mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

    mutating func insert(_ rank: UInt32, _ position: Int) {
        let key = UInt64(rank) << 32 | UInt64(position)
        insertionCount += 1
        var index = heap.count
        heap.append(key)
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[parent] > key else { break }
            heap[index] = heap[parent]
            index = parent
        }
        heap[index] = key
    }

    mutating func popMinimum() -> (rank: UInt32, position: Int)? {
        guard let minimum = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty { sink(last) }
        return (UInt32(minimum >> 32), Int(minimum & 0xFFFF_FFFF))
    }

    /// Puts `key` in at the top and lets it sink to its place.
    private mutating func sink(_ key: UInt64) {
        var index = 0
        while true {
            var child = index * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < key else { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = key
    }
}
