package import Compute

/// The independent uses of a job's seed. A number is a pure function of (seed, use, index, counter), so a resumed run
/// draws the same numbers without any saved generator. The order of the rows has a stream of its own.
package enum Randomness: UInt64, Sendable, CaseIterable {
    /// Initial weights of a model and of adapters.
    case initialization = 1
    /// Dropout; the index is the microbatch of the run.
    case dropout = 2
    /// Sampling of anchors; the index is the optimizer step.
    case anchors = 3
    /// Compression rates; the index is the optimizer step.
    case rates = 4
    /// Shifts of GMSA's groups; the index is the row.
    case phases = 5
    /// Dropout of a decoder that trains beside a compressor; the index is the microbatch of the run.
    case decoderDropout = 6

    package func stream(seed: Int64, index: Int) -> RandomStream {
        RandomStream(seed: UInt64(bitPattern: seed), stream: number(index))
    }

    /// The number of a stream, for calls that take it apart from the seed.
    package func number(_ index: Int) -> UInt64 { rawValue << 48 | UInt64(index) }
}
