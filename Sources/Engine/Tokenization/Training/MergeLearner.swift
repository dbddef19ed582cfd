/// Finds the most frequent pair of neighbouring tokens, merges it everywhere, and repeats.
struct MergeLearner: Sendable {
    /// Two neighbouring tokens.
    struct Pair: Hashable, Sendable {
        let left: Int32
        let right: Int32
    }

    /// The bytes of every token, from the 256 single ones on.
    private(set) var tokens: [[UInt8]] = (0..<256).map { [UInt8($0)] }
    /// The merges as indices of tokens, in the order in which they were learned.
    private(set) var merges: [Pair] = []

    private var known = ByteTable(minimumCapacity: 1 << 12)
    private var words: [(tokens: [Int32], count: Int)] = []
    private var frequencies: [Pair: Int] = [:]
    /// The words a pair was seen in; some may no longer have it.
    private var places: [Pair: Set<Int>] = [:]
    private var queue = PairQueue()

    init() {
        for token in tokens { _ = known.insert(token) }
    }

    /// Adds a word that occurs `count` times.
    mutating func add(_ word: ArraySlice<UInt8>, count: Int) {
        guard word.count > 1 else { return }
        words.append((word.map(Int32.init), count))
    }

    /// Learns merges until there are `tokenCount` tokens or no pair is frequent enough.
    mutating func learn(tokenCount: Int, minimumFrequency: Int) {
        for index in words.indices { countPairs(of: index, sign: 1) }
        for (pair, frequency) in frequencies { queue.insert(pair, frequency) }
        while tokens.count < tokenCount, let (pair, frequency) = queue.popMaximum() {
            let current = frequencies[pair] ?? 0
            if current != frequency {
                // The entry was queued before other merges changed the frequency.
                if current > 0 { queue.insert(pair, current) }
                continue
            }
            if frequency < max(minimumFrequency, 1) { break }
            merge(pair)
        }
    }

    private mutating func merge(_ pair: Pair) {
        let bytes = tokens[Int(pair.left)] + tokens[Int(pair.right)]
        let (entry, isNew) = known.insert(bytes)
        if isNew { tokens.append(bytes) }
        merges.append(pair)
        var made: Set<Pair> = []
        for index in (places.removeValue(forKey: pair) ?? []).sorted() {
            countPairs(of: index, sign: -1)
            words[index].tokens = Self.merged(words[index].tokens, pair, into: Int32(entry))
            countPairs(of: index, sign: 1)
            for (left, right) in zip(words[index].tokens, words[index].tokens.dropFirst())
            where left == Int32(entry) || right == Int32(entry) {
                made.insert(Pair(left: left, right: right))
            }
        }
        frequencies[pair] = nil
        for pair in made { queue.insert(pair, frequencies[pair] ?? 0) }
    }

    private static func merged(_ word: [Int32], _ pair: Pair, into token: Int32) -> [Int32] {
        var result: [Int32] = []
        result.reserveCapacity(word.count)
        var index = 0
        while index < word.count {
            if index + 1 < word.count, word[index] == pair.left, word[index + 1] == pair.right {
                result.append(token)
                index += 2
            } else {
                result.append(word[index])
                index += 1
            }
        }
        return result
    }

    /// Adds or removes the pairs of a word.
    private mutating func countPairs(of index: Int, sign: Int) {
        let word = words[index]
        for position in word.tokens.indices.dropLast() {
            let pair = Pair(left: word.tokens[position], right: word.tokens[position + 1])
            frequencies[pair, default: 0] += sign * word.count
            if sign > 0 { places[pair, default: []].insert(index) }
        }
    }
}

/// A binary heap of pairs: the most frequent first, and of equally frequent ones the smaller ids.
struct PairQueue: Sendable {
    private var heap: [(pair: MergeLearner.Pair, frequency: Int)] = []

    mutating func insert(_ pair: MergeLearner.Pair, _ frequency: Int) {
        heap.append((pair, frequency))
        var index = heap.count - 1
        while index > 0, precedes(index, (index - 1) / 2) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func popMaximum() -> (pair: MergeLearner.Pair, frequency: Int)? {
        guard !heap.isEmpty else { return nil }
        heap.swapAt(0, heap.count - 1)
        let maximum = heap.removeLast()
        var index = 0
        while true {
            var first = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(child, first) {
                first = child
            }
            if first == index { return maximum }
            heap.swapAt(index, first)
            index = first
        }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        let (x, y) = (heap[a], heap[b])
        if x.frequency != y.frequency { return x.frequency > y.frequency }
        return (x.pair.left, x.pair.right) < (y.pair.left, y.pair.right)
    }
}
