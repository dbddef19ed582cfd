extension JSONNode {
    /// Every step passes over the whole text, and patterns are compiled: a file with very many would never be done.
    static let maximumStepCount = 64

    /// Refuses this step when `count` steps of its stage stand before it.
    func checkStepCount(_ count: Int) throws(TokenizerError) {
        guard count >= Self.maximumStepCount else { return }
        throw TokenizerError(
            .malformed, file: file, place: path, found: "more steps", expected: "at most \(Self.maximumStepCount)")
    }
}
