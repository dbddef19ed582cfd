/// A set of Unicode scalars: what one bracket expression or one letter of a pattern accepts.
struct ScalarSet: Hashable, Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var categories: GeneralCategory.Mask = 0
    var properties: CharacterProperties = []
    /// Negated sets inside a bracket expression, as in `[^\S\n]`.
    var members: [ScalarSet] = []
    var isNegated = false

    static let whitespace = ScalarSet(properties: .whitespace)
    static let numeric = ScalarSet(properties: .numeric)
    static let punctuation = ScalarSet(properties: .punctuation)
    static let decimalDigits = ScalarSet(categories: GeneralCategory.mask([.decimalNumber]))
    static let marks = ScalarSet(categories: GeneralCategory.mask(GeneralCategory.marks))
    static let word = ScalarSet(
        categories: GeneralCategory.mask(GeneralCategory.marks + [.decimalNumber, .connector]),
        properties: .alphabetic)
    static let newline = ScalarSet(scalar: 0x0A)
    static let anyButNewline = ScalarSet(scalar: 0x0A).negated

    init(
        ranges: [ClosedRange<UInt32>] = [], categories: GeneralCategory.Mask = 0,
        properties: CharacterProperties = []
    ) {
        self.ranges = ranges
        self.categories = categories
        self.properties = properties
    }

    init(scalar: UInt32) {
        ranges = [scalar...scalar]
    }

    /// The scalars that are not in this set.
    var negated: ScalarSet {
        var copy = self
        copy.isNegated.toggle()
        return copy
    }

    /// Adds everything that is in `other`.
    mutating func formUnion(_ other: ScalarSet) {
        guard !other.isNegated else {
            members.append(other)
            return
        }
        ranges += other.ranges
        categories |= other.categories
        properties.formUnion(other.properties)
        members += other.members
    }

    func contains(_ value: UInt32, _ word: CharacterProperties) -> Bool {
        let isListed =
            ranges.contains { $0.contains(value) } || categories >> (UInt32(word.rawValue) & 31) & 1 == 1
            || !properties.isDisjoint(with: word) || members.contains { $0.contains(value, word) }
        return isListed != isNegated
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        contains(scalar.value, CharacterProperties(of: scalar))
    }

    /// The values at which membership can change, apart from changes of properties.
    var boundaries: [UInt32] {
        ranges.flatMap { [$0.lowerBound, $0.upperBound + 1] } + members.flatMap(\.boundaries)
    }
}
