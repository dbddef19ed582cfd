/// What happens to the matches of a splitting pattern.
enum SplitBehavior: String, CaseIterable, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    /// Cuts `range` at its matches and appends the pieces, empty ones left out.
    ///
    /// - Parameters:
    ///   - matches: In order, not overlapping, inside `range`.
    ///   - isInverted: The text between the matches plays their part, and they that of the text.
    func appendPieces(
        of range: Range<Int>, cutAt matches: [Range<Int>], isInverted: Bool, to pieces: inout [Range<Int>]
    ) {
        switch self {
        case .removed, .isolated: appendSimple(range, matches, isInverted, &pieces)
        case .mergedWithPrevious, .mergedWithNext, .contiguous:
            let spans = spans(of: range, matches, isInverted)
            switch self {
            case .mergedWithPrevious: pieces += joined(spans) { $1.isMatch && !$0.isMatch }
            case .mergedWithNext: pieces += joinedBackwards(spans)
            default: pieces += joined(spans) { $1.isMatch == $0.isMatch }
            }
        }
    }

    private struct Span: Sendable {
        let range: Range<Int>
        let isMatch: Bool
    }

    private func appendSimple(
        _ range: Range<Int>, _ matches: [Range<Int>], _ isInverted: Bool, _ pieces: inout [Range<Int>]
    ) {
        let keepsMatches = self == .isolated || isInverted
        let keepsRest = self == .isolated || !isInverted
        var end = range.lowerBound
        for match in matches {
            if keepsRest, end < match.lowerBound { pieces.append(end..<match.lowerBound) }
            if keepsMatches { pieces.append(match) }
            end = match.upperBound
        }
        if keepsRest, end < range.upperBound { pieces.append(end..<range.upperBound) }
    }

    private func spans(of range: Range<Int>, _ matches: [Range<Int>], _ isInverted: Bool) -> [Span] {
        var spans: [Span] = []
        var end = range.lowerBound
        for match in matches {
            if end < match.lowerBound { spans.append(Span(range: end..<match.lowerBound, isMatch: isInverted)) }
            spans.append(Span(range: match, isMatch: !isInverted))
            end = match.upperBound
        }
        if end < range.upperBound { spans.append(Span(range: end..<range.upperBound, isMatch: isInverted)) }
        return spans
    }

    /// Joins a span to the piece before it when `joins(previous, span)` says so.
    private func joined(_ spans: [Span], _ joins: (Span, Span) -> Bool) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        for (index, span) in spans.enumerated() {
            if index > 0, let last = pieces.last, joins(spans[index - 1], span) {
                pieces[pieces.count - 1] = last.lowerBound..<span.range.upperBound
            } else {
                pieces.append(span.range)
            }
        }
        return pieces
    }

    private func joinedBackwards(_ spans: [Span]) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        for index in spans.indices.reversed() {
            let joinsNext = index + 1 < spans.count && spans[index].isMatch && !spans[index + 1].isMatch
            if joinsNext, let last = pieces.last {
                pieces[pieces.count - 1] = spans[index].range.lowerBound..<last.upperBound
            } else {
                pieces.append(spans[index].range)
            }
        }
        return pieces.reversed()
    }
}
