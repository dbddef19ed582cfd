/// Finds what somebody meant to type.
enum NearestName {
    /// The candidate closest to `word`, if it is close enough to be meant; the first in order of name wins a tie.
    static func of(_ word: String, among candidates: some Sequence<String>) -> String? {
        let reach = max(1, min(3, word.count / 3))
        var best: (name: String, distance: Int)?
        for name in candidates.sorted() {
            let distance = distance(word, name)
            if distance <= reach, distance < best?.distance ?? .max { best = (name, distance) }
        }
        return best?.name
    }

    /// Edits (insert, delete, replace, swap neighbours) from one word to the other.
    static func distance(_ left: String, _ right: String) -> Int {
        let a = Array(left.unicodeScalars.prefix(64))
        let b = Array(right.unicodeScalars.prefix(64))
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
