import Datasets
import DurableFiles

/// Texts cut into contexts of at most so many tokens, each from where the one before it ended. No special tokens.
struct ContextWindows {
    let dataset: Dataset
    let codec: TextCodec
    let maximumLength: Int
    /// Shorter windows are left out.
    let minimumLength: Int
    /// Tokens of the longest window.
    let longest: Int

    private let rows: [Int32]

    /// Looks at every row. Rows without enough tokens are left out.
    init(
        _ dataset: Dataset, _ codec: TextCodec, maximumLength: Int, minimumLength: Int, checkpoint: () throws -> Void
    ) throws {
        self.dataset = dataset
        self.codec = codec
        self.maximumLength = maximumLength
        self.minimumLength = minimumLength
        var (rows, longest): ([Int32], Int) = ([], 0)
        for row in 0..<dataset.count {
            if row % 64 == 0 { try checkpoint() }
            let count = codec.encode(try dataset.text(row), false).count
            let (whole, rest) = count.quotientAndRemainder(dividingBy: maximumLength)
            longest = max(longest, min(count, maximumLength))
            rows += Array(repeating: Int32(row), count: whole + (rest >= minimumLength ? 1 : 0))
        }
        guard !rows.isEmpty else {
            throw TrainingError.data(
                "\(dataset.place(ofRow: 0)): no row has \(minimumLength) tokens; expected at least one context")
        }
        self.rows = rows
        self.longest = longest
    }

    var count: Int { rows.count }

    /// Number of the dataset's row behind a window.
    func row(of index: Int) -> Int { Int(rows[index]) }

    /// The tokens of a window, at least one.
    func context(_ index: Int) throws -> [Int32] {
        var first = index
        while first > 0 && rows[first - 1] == rows[index] { first -= 1 }
        let ids = codec.encode(try dataset.text(row(of: index)), false)
        let start = (index - first) * maximumLength
        return Array(ids[start..<min(start + maximumLength, ids.count)])
    }

    /// Digest of everything that decides what the windows are.
    var identity: String {
        SHA256.hex(of: "\(dataset.digest) \(codec.digest) windows of \(minimumLength) to \(maximumLength)")
    }
}
