/// A hash table from byte strings to their numbers, in the order of insertion.
///
/// Swift strings compare by canonical equivalence, which would merge different tokens; this compares bytes.
struct ByteTable: Sendable {
    private var arena: [UInt8] = []
    /// Where each entry begins in the arena, and the arena's end.
    private var starts: [Int] = [0]
    /// Entry + 1 for each slot; 0 is free. The count is a power of two.
    private var slots: [Int32]

    init(minimumCapacity: Int = 16) {
        slots = [Int32](repeating: 0, count: Self.slotCount(for: minimumCapacity))
    }

    /// The number of entries.
    var count: Int { starts.count - 1 }

    /// The bytes of an entry.
    subscript(entry: Int) -> ArraySlice<UInt8> { arena[starts[entry]..<starts[entry + 1]] }

    /// The number of the entry with these bytes, or nil.
    func find(_ key: UnsafeBufferPointer<UInt8>) -> Int? {
        let mask = slots.count - 1
        var slot = Self.hash(key) & mask
        while slots[slot] != 0 {
            let entry = Int(slots[slot]) - 1
            if isEqual(entry, key) { return entry }
            slot = (slot + 1) & mask
        }
        return nil
    }

    func find(_ key: some Collection<UInt8>) -> Int? {
        key.withContiguousStorageIfAvailable { find($0) } ?? Array(key).withUnsafeBufferPointer { find($0) }
    }

    /// Adds the key unless it is there; returns the number of its entry.
    mutating func insert(_ key: UnsafeBufferPointer<UInt8>) -> (entry: Int, isNew: Bool) {
        if let entry = find(key) { return (entry, false) }
        if (count + 1) * 2 > slots.count { grow() }
        arena.append(contentsOf: key)
        starts.append(arena.count)
        place(count - 1, Self.hash(key))
        return (count - 1, true)
    }

    mutating func insert(_ key: [UInt8]) -> (entry: Int, isNew: Bool) {
        key.withUnsafeBufferPointer { insert($0) }
    }

    /// Forgets everything and keeps the memory.
    mutating func removeAll() {
        arena.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        starts.append(0)
        for slot in slots.indices { slots[slot] = 0 }
    }

    private mutating func grow() {
        slots = [Int32](repeating: 0, count: slots.count * 2)
        for entry in 0..<count {
            let hash = arena.withUnsafeBufferPointer {
                Self.hash(UnsafeBufferPointer(rebasing: $0[starts[entry]..<starts[entry + 1]]))
            }
            place(entry, hash)
        }
    }

    private mutating func place(_ entry: Int, _ hash: Int) {
        let mask = slots.count - 1
        var slot = hash & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(entry + 1)
    }

    private func isEqual(_ entry: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = starts[entry]
        guard starts[entry + 1] - start == key.count else { return false }
        for index in 0..<key.count where arena[start + index] != key[index] { return false }
        return true
    }

    private static func slotCount(for capacity: Int) -> Int {
        var count = 32
        while count < capacity * 2 { count *= 2 }
        return count
    }

    /// A multiply-and-fold hash over eight bytes at a time.
    @inline(__always)
    private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> Int {
        var state = UInt64(key.count) &* 0x9E37_79B9_7F4A_7C15
        var index = 0
        while index < key.count {
            var word: UInt64 = 0
            let end = min(index + 8, key.count)
            while index < end {
                word = word << 8 | UInt64(key[index])
                index += 1
            }
            let product = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
            state = product.high ^ product.low
        }
        return Int(truncatingIfNeeded: (state ^ state >> 29) & 0x7FFF_FFFF_FFFF_FFFF)
    }
}
