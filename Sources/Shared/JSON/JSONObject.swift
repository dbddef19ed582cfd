/// The members of a JSON object in the order of the text.
///
/// Keys are the same only when their bytes are: two spellings of one accented letter are two keys. Looking a key up
/// takes time in proportion to the number of members.
package struct JSONObject: Sendable {
    private var members: [(key: String, value: JSONValue)] = []

    /// An empty object.
    package init() {}

    /// The members of a dictionary in the order of their keys.
    package init(_ dictionary: [String: JSONValue]) {
        members = dictionary.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// All keys in the order of the text.
    package var keys: [String] { members.map(\.key) }

    /// The value of a key; nil means that there is none, and removes it.
    package subscript(key: String) -> JSONValue? {
        get { place(of: key).map { members[$0].value } }
        set {
            switch (place(of: key), newValue) {
            case (let place?, let value?): members[place].value = value
            case (nil, let value?): members.append((key, value))
            case (let place?, nil): members.remove(at: place)
            case (nil, nil): break
            }
        }
    }

    /// Adds a member whose key is known to be new.
    mutating func append(_ key: String, _ value: JSONValue) { members.append((key, value)) }

    private func place(of key: String) -> Int? {
        members.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
    }
}

extension JSONObject: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { members.count }
    package subscript(position: Int) -> (key: String, value: JSONValue) { members[position] }
}

extension JSONObject: Equatable {
    /// The same members, in whatever order.
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count
            && zip(left.inOrder, right.inOrder).allSatisfy {
                $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value
            }
    }

    /// The members by the bytes of their keys.
    var inOrder: [(key: String, value: JSONValue)] {
        members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        for (key, value) in members { self[key] = value }
    }
}

/// Finds keys that come twice.
struct SeenKeys {
    /// Up to this many are compared one by one: most objects are small.
    private static let fewKeys = 16

    private var few: [[UInt8]] = []
    private var many: Set<[UInt8]> = []

    /// False when the key was there before.
    mutating func insert(_ key: [UInt8]) -> Bool {
        if !many.isEmpty { return many.insert(key).inserted }
        if few.contains(key) { return false }
        few.append(key)
        if few.count > Self.fewKeys { many = Set(few) }
        return true
    }
}
