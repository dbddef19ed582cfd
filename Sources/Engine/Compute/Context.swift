/// Which gradients a backward pass must produce.
package struct Gradients: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// With respect to the inputs: attribution and a frozen decoder ask for these alone.
    package static let inputs = Gradients(rawValue: 1)
    /// With respect to the trained parameters.
    package static let parameters = Gradients(rawValue: 2)
}

/// Everything an operation needs besides its operands.
package struct Context {
    package let arena: Arena
    package let team: ThreadTeam
    package var gradients: Gradients

    package init(arena: Arena, team: ThreadTeam, gradients: Gradients = [.inputs, .parameters]) {
        self.arena = arena
        self.team = team
        self.gradients = gradients
    }

    /// The same context asking for other gradients.
    package func asking(for gradients: Gradients) -> Context {
        Context(arena: arena, team: team, gradients: gradients)
    }
}
