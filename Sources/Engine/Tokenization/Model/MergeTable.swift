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

    /// The pairs of characters that stand next to each other inside tokens made by merges.
    ///
    /// - Parameter symbols: Longer tokens that a text can begin with too, such as the one for unknown characters.
    func joinedCharacters(symbols: Set<Int32>) -> MergeTable {
        /// For every token that a merge makes, the pair it is made of.
        var parts: [Int32: (left: Int32, right: Int32)] = [:]
        let pairs = zip(keys, values).filter { $0.0 != Self.free }
        for (key, rank) in pairs { parts[results[Int(rank)]] = Self.pair(of: key) }
        /// The first or last character of a token; parts are shorter than what they make, so this ends.
        func outermost(_ token: Int32, _ side: KeyPath<(left: Int32, right: Int32), Int32>) -> [Int32] {
            var token = token
            var found: [Int32] = []
            while let pair = parts[token] {
                if symbols.contains(token) { found.append(token) }
                token = pair[keyPath: side]
            }
            return found + [token]
        }
        var table = MergeTable(minimumCapacity: 1 << 10)
        for (key, _) in pairs {
            let (left, right) = Self.pair(of: key)
            for last in outermost(left, \.right) {
                for first in outermost(right, \.left) where table.rank(last, first) == nil {
                    table.append(last, first, result: -1)
                }
            }
        }
        return table
    }

    private static func pair(of key: UInt64) -> (left: Int32, right: Int32) {
        (Int32(truncatingIfNeeded: key >> 32), Int32(truncatingIfNeeded: key))
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
