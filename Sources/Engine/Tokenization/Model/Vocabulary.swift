/// The model's tokens as the file spells them, and their ids.
struct Vocabulary: Sendable {
    private var table: ByteTable
    /// The id of each entry of the table.
    private var ids: [Int32] = []
    /// The entry of each id, or -1.
    private var entries: [Int32] = []

    /// Larger ids are refused: they would reserve memory for tokens that do not exist.
    static let maximumID = 8_000_000

    init(minimumCapacity: Int = 16) {
        table = ByteTable(minimumCapacity: minimumCapacity)
    }

    /// The number of tokens.
    var count: Int { ids.count }
    /// One more than the largest id.
    var idLimit: Int { entries.count }

    func id(of token: UnsafeBufferPointer<UInt8>) -> Int32? { table.find(token).map { ids[$0] } }

    func id(of token: some Collection<UInt8>) -> Int32? { table.find(token).map { ids[$0] } }

    func token(of id: Int32) -> ArraySlice<UInt8>? {
        guard id >= 0, id < entries.count, entries[Int(id)] >= 0 else { return nil }
        return table[Int(entries[Int(id)])]
    }

    /// Adds a token; returns what is wrong with it, if anything.
    mutating func insert(_ token: [UInt8], id: Int) -> String? {
        if id > Self.maximumID { return "the id \(id)" }
        while entries.count <= id { entries.append(-1) }
        if entries[id] >= 0 { return "the id \(id) a second time" }
        let (entry, isNew) = table.insert(token)
        guard isNew else { return "the token \"\(String(decoding: token, as: UTF8.self))\" a second time" }
        ids.append(Int32(id))
        entries[id] = Int32(entry)
        return nil
    }
}
