/// The merges of a byte-pair encoding: a pair of ids, its rank and the id it becomes.
struct MergeTable: Sendable {
    private var keys: [UInt64]
    private var values: [UInt32]
    private var shift: UInt64
    /// The token that the merge of each rank makes.
    private(set) var results: [Int32] = []

    private static let free = UInt64.max

    init(minimumCapacity: Int) {
        var bits: UInt64 = 5
        while 1 << bits < minimumCapacity * 2 { bits += 1 }
        keys = [UInt64](repeating: Self.free, count: 1 << bits)
        values = [UInt32](repeating: 0, count: 1 << bits)
        shift = 64 - bits
    }

    /// The number of merges that were added.
    var count: Int { results.count }

    /// Adds the merge of the next rank. A pair that is there already gets the new rank, as in the library.
    mutating func append(_ left: Int32, _ right: Int32, result: Int32) {
        if (results.count + 1) * 2 > keys.count { grow() }
        let slot = slot(of: Self.key(left, right))
        keys[slot] = Self.key(left, right)
        values[slot] = UInt32(results.count)
        results.append(result)
    }

    /// The rank of a pair, or nil when it does not merge.
    @inline(__always)
    func rank(_ left: Int32, _ right: Int32) -> UInt32? {
        let slot = slot(of: Self.key(left, right))
        return keys[slot] == Self.free ? nil : values[slot]
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private func slot(of key: UInt64) -> Int {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
        while keys[slot] != Self.free, keys[slot] != key { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        var larger = MergeTable(minimumCapacity: keys.count)
        for (key, value) in zip(keys, values) where key != Self.free {
            let slot = larger.slot(of: key)
            larger.keys[slot] = key
            larger.values[slot] = value
        }
        larger.results = results
        self = larger
    }
}
