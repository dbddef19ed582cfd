package import Compute

/// How one forward pass, and the backward pass that belongs to it, treats adapters.
package struct Pass: Sendable {
    /// Off makes an adapted model its own frozen base: the reference of a LoRA run.
    package var adapters: Adapters
    /// Random numbers of adapter dropout; nil for none (evaluation, reference, attribution). The forward and backward
    /// passes of one micro-batch must be given the same stream, different micro-batches different ones.
    package var dropout: RandomStream?
    /// The rows of the layout that a layer is given, where it is not given all: each keeps its own random numbers.
    var rows: RowSelection?

    /// Whether adapters take part.
    package enum Adapters: Sendable, Hashable {
        case on, off
    }

    /// Adapters on, no dropout by default.
    package init(adapters: Adapters = .on, dropout: RandomStream? = nil) {
        self.adapters = adapters
        self.dropout = dropout
    }

    /// The same pass over some of the rows.
    func on(_ rows: RowSelection) -> Pass {
        var pass = self
        pass.rows = rows
        return pass
    }
}
