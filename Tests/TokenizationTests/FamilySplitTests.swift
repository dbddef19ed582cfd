import Testing

@testable import Tokenization

/// The splitters of the families that hone reads, as their files write them, on one line. The pieces are those of the
/// tokenizers library 0.23.3; scripts/compare-tokenizers compares the same steps on many lines.
@Suite("Splitters of the families")
struct FamilySplitTests {
    private static let line = "I'll say  HELLO12345, naïve(東京)! x_y=½;\r\n\tdon'T\n\n  end  "

    private static let byteLevel =
        #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}"#
    private static let splittingByteLevel =
        #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#

    private static func split(_ pattern: String) -> String {
        #"{"type":"Split","pattern":{"Regex":"\#(pattern)"},"behavior":"Isolated","invert":false}"#
    }

    private static func sequence(_ steps: String...) -> String {
        #"{"type":"Sequence","pretokenizers":[\#(steps.joined(separator: ","))]}"#
    }

    private static func cl100k(_ numbers: String) -> String {
        split(
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\#(numbers)"#
                + #"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"#)
    }

    private static let digits = #"{"type":"Digits","individual_digits":true}"#
    private static let han = "[一-龥ࠀ-一가-퟿]+"

    @Test(
        "Pieces are those of the library",
        arguments: [
            (
                "GPT-2", splittingByteLevel,
                "I|'ll| say| | HELLO|12345|,| naïve|(|東京|)!| x|_|y|=|½|;|\r\n|\t|don|'|T|\n\n | end|  "
            ),
            (
                "Llama 3", sequence(cl100k(#"\\p{N}{1,3}"#), byteLevel),
                "I|'ll| say| | HELLO|123|45|,| naïve|(東京|)!| x|_y|=|½|;\r\n|\tdon|'T|\n\n| | end|  "
            ),
            (
                "Qwen2", sequence(cl100k(#"\\p{N}"#), byteLevel),
                "I|'ll| say| | HELLO|1|2|3|4|5|,| naïve|(東京|)!| x|_y|=|½|;\r\n|\tdon|'T|\n\n| | end|  "
            ),
            (
                "SmolLM2 and StarCoder", sequence(digits, splittingByteLevel),
                "I|'ll| say| | HELLO|1|2|3|4|5|,| naïve|(|東京|)!| x|_|y|=|½|;|\r\n|\t|don|'|T|\n\n | end|  "
            ),
            (
                "DeepSeek Coder",
                sequence(
                    split(#"[\\r\\n]"#), split(#"\\s?\\p{L}+"#), split(#"\\s?\\p{P}+"#), split(han), digits,
                    byteLevel),
                "I|'|ll| say| | HELLO|1|2|3|4|5|,| naïve|(|東京|)!| x|_|y|=|½|;|\r|\n|\tdon|'|T|\n|\n| | end|  "
            ),
            (
                "DeepSeek V3",
                sequence(
                    split(#"\\p{N}{1,3}"#), split("[一-龥\u{3040}-ゟ゠-ヿ]+"),
                    split(
                        ##"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"##
                            + #"[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"#),
                    byteLevel),
                "I|'ll| say| | HELLO|123|45|,| naïve|(|東京|)!| x|_y|=|½|;\r\n|\tdon|'T|\n\n| | end|  "
            ),
        ])
    func pieces(family: String, json: String, expected: String) throws {
        let found = try Self.pieces(json).map { String(decoding: $0, as: UTF8.self) }
        let pieces = expected.unicodeScalars.split(separator: "|").map { String(String.UnicodeScalarView($0)) }
        #expect(found == pieces, "\(family)")
    }

    @Test("Falcon's numbers are found in the byte-level alphabet, so they can cut a character in two")
    func falcon() throws {
        let found = try Self.pieces(
            Self.sequence(
                #"{"type":"Punctuation","behavior":"Contiguous"}"#, Self.splittingByteLevel,
                #"{"type":"Digits","individual_digits":false}"#, Self.split("[0-9][0-9][0-9]")))
        let start = ["I", "'", "ll", " say", " ", " HELLO", "123", "45", ",", " naïve", "(", "東京", ")!", " x"]
        #expect(found.prefix(start.count).map { String(decoding: $0, as: UTF8.self) } == start)
        #expect(found.dropFirst(start.count + 3).prefix(2) == [[0xC2], [0xBD]])
    }

    private static func pieces(_ json: String) throws -> [[UInt8]] {
        let steps = try PreTokenizer.read(TokenizerFile.tree(Array(json.utf8), named: "test"))
        let bytes = Array(line.utf8)
        var pieces = Pieces(text: AlignedText(verbatim: bytes), ranges: [0..<bytes.count])
        var scratch = SplitScratch()
        for step in steps { step.apply(to: &pieces, &scratch) }
        return pieces.ranges.map { Array(pieces.text.bytes[$0]) }
    }
}
