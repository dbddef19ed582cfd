/// The properties of a scalar that patterns and splitters ask for, packed into one word.
///
/// Pinned to Unicode 16, which is what the regular expressions of Hugging Face tokenizers know: a character added
/// later counts as unassigned in general categories, so that ids do not change with the Swift runtime.
struct CharacterProperties: OptionSet, Hashable, Sendable {
    let rawValue: UInt16

    static let whitespace = CharacterProperties(rawValue: 1 << 5)
    static let alphabetic = CharacterProperties(rawValue: 1 << 6)
    /// Category N in whatever version the runtime knows: `Digits` asks Rust's tables, not the regular expressions'.
    static let numeric = CharacterProperties(rawValue: 1 << 7)
    /// ASCII punctuation and category P of Unicode 8: what the `Punctuation` splitter knows.
    static let punctuation = CharacterProperties(rawValue: 1 << 8)

    /// The five low bits are the index of the general category.
    var category: GeneralCategory { GeneralCategory(rawValue: UInt8(rawValue & 31)) ?? .unassigned }

    init(rawValue: UInt16) { self.rawValue = rawValue }

    init(of scalar: Unicode.Scalar) {
        let properties = scalar.properties
        let known = GeneralCategory(properties.generalCategory)
        let age = properties.age?.major ?? Int.max
        let category = age <= 16 || known == .surrogateOrPrivate ? known : .unassigned
        var word = CharacterProperties(rawValue: UInt16(category.rawValue))
        if properties.isWhitespace { word.insert(.whitespace) }
        if properties.isAlphabetic, age <= 16 { word.insert(.alphabetic) }
        if GeneralCategory.numbers.contains(known) { word.insert(.numeric) }
        let isASCIISymbol = scalar.isASCII && GeneralCategory.symbols.contains(known)
        if isASCIISymbol || (GeneralCategory.punctuation.contains(known) && age <= 8) { word.insert(.punctuation) }
        self = word
    }

    /// A stretch of neighbouring scalars with equal properties; it ends where the next run starts.
    struct Run: Sendable {
        let start: UInt32
        let properties: CharacterProperties
    }

    /// All runs from U+0000 on, in order; computed once from the runtime's tables.
    static let runs: [Run] = {
        var runs: [Run] = []
        // No assigned characters with differing properties stand between the two stretches.
        for range in [0..<0x32400, 0xE0000..<0xE0200] as [Range<UInt32>] {
            for value in range {
                guard let scalar = Unicode.Scalar(value) else { continue }
                let properties = CharacterProperties(of: scalar)
                if runs.last?.properties != properties { runs.append(Run(start: value, properties: properties)) }
            }
            runs.append(Run(start: range.upperBound, properties: []))
        }
        return runs
    }()
}

/// Unicode's general categories, numbered so that a set of them is a 32-bit mask. Number 0 is `Cn`.
enum GeneralCategory: UInt8, CaseIterable, Sendable {
    case unassigned, uppercase, lowercase, titlecase, modifierLetter, otherLetter
    case nonspacingMark, spacingMark, enclosingMark
    case decimalNumber, letterNumber, otherNumber
    case connector, dash, open, close, initial, final, otherPunctuation
    case mathSymbol, currencySymbol, modifierSymbol, otherSymbol
    case spaceSeparator, lineSeparator, paragraphSeparator
    case control, format, surrogateOrPrivate

    typealias Mask = UInt32

    static let letters: [GeneralCategory] = [.uppercase, .lowercase, .titlecase, .modifierLetter, .otherLetter]
    static let marks: [GeneralCategory] = [.nonspacingMark, .spacingMark, .enclosingMark]
    static let numbers: [GeneralCategory] = [.decimalNumber, .letterNumber, .otherNumber]
    static let punctuation: [GeneralCategory] = [
        .connector, .dash, .open, .close, .initial, .final, .otherPunctuation,
    ]
    static let symbols: [GeneralCategory] = [.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol]
    static let separators: [GeneralCategory] = [.spaceSeparator, .lineSeparator, .paragraphSeparator]
    static let others: [GeneralCategory] = [.control, .format, .surrogateOrPrivate, .unassigned]

    /// The mask of several categories.
    static func mask(_ categories: [GeneralCategory]) -> Mask {
        categories.reduce(0) { $0 | 1 << Mask($1.rawValue) }
    }

    /// The categories a `\p{…}` name stands for, or nil when the name is unknown.
    static func named(_ name: String) -> [GeneralCategory]? {
        let groups: [String: [GeneralCategory]] = [
            "L": letters, "Letter": letters, "M": marks, "Mark": marks, "N": numbers, "Number": numbers,
            "P": punctuation, "Punctuation": punctuation, "S": symbols, "Symbol": symbols, "Z": separators,
            "Separator": separators, "C": others, "Other": others,
            "Lu": [.uppercase], "Ll": [.lowercase], "Lt": [.titlecase], "Lm": [.modifierLetter],
            "Lo": [.otherLetter], "LC": [.uppercase, .lowercase, .titlecase],
            "Mn": [.nonspacingMark], "Mc": [.spacingMark], "Me": [.enclosingMark],
            "Nd": [.decimalNumber], "Nl": [.letterNumber], "No": [.otherNumber],
            "Pc": [.connector], "Pd": [.dash], "Ps": [.open], "Pe": [.close], "Pi": [.initial], "Pf": [.final],
            "Po": [.otherPunctuation], "Sm": [.mathSymbol], "Sc": [.currencySymbol], "Sk": [.modifierSymbol],
            "So": [.otherSymbol], "Zs": [.spaceSeparator], "Zl": [.lineSeparator], "Zp": [.paragraphSeparator],
            "Cc": [.control], "Cf": [.format], "Cn": [.unassigned],
        ]
        return groups[name]
    }

    init(_ category: Unicode.GeneralCategory) {
        switch category {
        case .uppercaseLetter: self = .uppercase
        case .lowercaseLetter: self = .lowercase
        case .titlecaseLetter: self = .titlecase
        case .modifierLetter: self = .modifierLetter
        case .otherLetter: self = .otherLetter
        case .nonspacingMark: self = .nonspacingMark
        case .spacingMark: self = .spacingMark
        case .enclosingMark: self = .enclosingMark
        case .decimalNumber: self = .decimalNumber
        case .letterNumber: self = .letterNumber
        case .otherNumber: self = .otherNumber
        case .connectorPunctuation: self = .connector
        case .dashPunctuation: self = .dash
        case .openPunctuation: self = .open
        case .closePunctuation: self = .close
        case .initialPunctuation: self = .initial
        case .finalPunctuation: self = .final
        case .otherPunctuation: self = .otherPunctuation
        case .mathSymbol: self = .mathSymbol
        case .currencySymbol: self = .currencySymbol
        case .modifierSymbol: self = .modifierSymbol
        case .otherSymbol: self = .otherSymbol
        case .spaceSeparator: self = .spaceSeparator
        case .lineSeparator: self = .lineSeparator
        case .paragraphSeparator: self = .paragraphSeparator
        case .control: self = .control
        case .format: self = .format
        case .surrogate, .privateUse: self = .surrogateOrPrivate
        case .unassigned: self = .unassigned
        @unknown default: self = .unassigned
        }
    }
}
