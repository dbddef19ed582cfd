import Compute
import TestSupport
import Testing
import Transformer

/// Every layer by itself: the gradient of its input by central differences in Double.
@Suite(.enabled(if: isDoublePrecision, "central differences need --traits DoublePrecision"))
struct LayerGradientTests {
    private let team: ThreadTeam
    private let arena: Arena
    private let context: Context
    private let layout = SequenceLayout.sharedPrompt([(prompt: 3, branches: [2, 2]), (prompt: 2, branches: [])])

    init() throws {
        team = try ThreadTeam(threads: 2)
        arena = try Arena(byteCount: 1 << 22)
        context = Context(arena: arena, team: team)
    }

    private func random(_ rows: Int, _ columns: Int, _ stream: UInt64) -> Matrix {
        let matrix = arena.matrix(rows, columns)
        let random = RandomStream(seed: 21, stream: stream)
        for index in 0..<matrix.count { matrix.base[index] = Real(random.normal(UInt64(index))) }
        return matrix
    }

    private func dot(_ a: Matrix, _ b: Matrix) -> Double {
        zip(a.doubles, b.doubles).reduce(0) { $0 + $1.0 * $1.1 }
    }

    private func copied(_ matrix: Matrix) -> Matrix {
        let copy = arena.matrix(matrix.rows, matrix.columns)
        copy.copy(from: matrix)
        return copy
    }

    @Test(arguments: TinyModel.allCases) func attention(_ kind: TinyModel) throws {
        // Layers are windows: their memory is the model's.
        let model = try kind.model(team: team)
        defer { withExtendedLifetime(model) {} }
        let layer = model.stack.blocks[1].attention
        let (tokens, width) = (layout.tokenCount, layer.projections.inputWidth)
        let (x, slope) = (random(tokens, width, 1), random(tokens, width, 2))
        let output = arena.matrix(tokens, width)
        let activations = layer.activations(tokens, in: arena)
        let scratch = layer.scratch(tokens, backward: true, in: arena)
        let scores = AttentionScratch(
            layout: layout, shape: layer.shape, backward: true, in: arena, team: team)
        func forward() -> Double {
            layer.forward(
                x, RowWindow(layout), into: output, activations, scratch, attention: scores, .none, Pass(), context)
            return dot(output, slope)
        }
        _ = forward()
        let gradient = copied(slope)
        layer.backward(
            gradient, input: x, RowWindow(layout), activations, scratch, attention: scores, .none, inputGradient: true,
            Pass(), context)
        #expect(gradientMismatch(x, gradient: gradient, "attention input", forward) == nil)
    }

    @Test(arguments: TinyModel.allCases) func gatedNetwork(_ kind: TinyModel) throws {
        // Layers are windows: their memory is the model's.
        let model = try kind.model(team: team)
        defer { withExtendedLifetime(model) {} }
        let layer = model.stack.blocks[0].feedForward
        let (tokens, width) = (5, layer.expansion.inputWidth)
        let (x, slope) = (random(tokens, width, 3), random(tokens, width, 4))
        let output = arena.matrix(tokens, width)
        let activations = layer.activations(tokens, in: arena)
        let scratch = layer.scratch(tokens, backward: true, in: arena)
        func forward() -> Double {
            layer.forward(x, into: output, activations, scratch, .none, Pass(), context)
            return dot(output, slope)
        }
        _ = forward()
        let gradient = copied(slope)
        layer.backward(gradient, input: x, activations, scratch, .none, Pass(), context)
        #expect(gradientMismatch(x, gradient: gradient, "gated network input", forward) == nil)
    }

    @Test func headNorm() throws {
        let weight = Parameter(value: random(1, 4, 5), gradient: arena.matrix(1, 4))
        let layer = HeadNorm(weight: weight, epsilon: 1e-6)
        let (x, slope) = (random(5, 12, 6), random(5, 12, 7))
        let (output, inverse) = (arena.matrix(5, 12), arena.matrix(5, 3))
        func forward() -> Double {
            layer.forward(x, into: output, inverseRMS: inverse, context)
            return dot(output, slope)
        }
        _ = forward()
        let gradient = arena.matrix(5, 12)
        gradient.fill(0)
        weight.gradient?.fill(0)
        layer.backward(slope, input: x, inverseRMS: inverse, inputGradient: gradient, context)
        #expect(gradientMismatch(x, gradient: gradient, "head norm input", forward) == nil)
        let weightGradient = try #require(weight.gradient)
        #expect(gradientMismatch(weight.value, gradient: weightGradient, "head norm weight", forward) == nil)
    }

    /// Weights apart in memory, in any order, with biases: the layout of a mapped file.
    @Test func linearGroupOfScatteredWeights() throws {
        func member(_ rows: Int, _ stream: UInt64) -> LinearGroup.Member {
            LinearGroup.Member(
                weight: Parameter(value: random(rows, 6, stream)), bias: Parameter(value: random(1, rows, stream + 20)))
        }
        let (third, _, first, second) = (member(3, 8), random(1, 9, 9), member(5, 10), member(2, 11))
        let group = LinearGroup([first, second, third])
        #expect(group.columns.map(\.count) == [5, 2, 3])
        let (x, slope) = (random(4, 6, 12), random(4, 10, 13))
        let output = arena.matrix(4, 10)
        let activations = group.activations(4, in: arena)
        func forward() -> Double {
            group.forward(x, into: output, activations, .none, Pass(), context)
            return dot(output, slope)
        }
        _ = forward()
        for (member, columns) in zip([first, second, third], group.columns) {
            let expected = arena.matrix(4, columns.count)
            multiply(x.n, member.weight.value.t, into: expected, context)
            addBias(try #require(member.bias).value, to: expected, context)
            #expect(mismatch(output.columns(columns).doubles, expected.doubles, limit: 1e-12, "member") == nil)
        }
        let gradient = arena.matrix(4, 6)
        group.backward(slope, input: x, activations, .none, inputGradient: gradient, Pass(), context)
        #expect(gradientMismatch(x, gradient: gradient, "linear group input", forward) == nil)
    }
}
