import ArgumentParser
import Compute
import Glibc
import JobModel

/// hone's side of Benchmarks/speed: the code of real jobs, timed. Not part of an installation.
@main
struct HoneBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hone-bench", abstract: "Times steps, generation and scoring; one JSON line for each call.",
        subcommands: [
            RandomModel.self, TimedSteps.self, TimedGeneration.self, TimedScoring.self, TimedSoftTokens.self,
            TimedTokenization.self,
        ])
}

extension Precision: ExpressibleByArgument {}

/// What every measurement takes.
struct Repetitions: ParsableArguments {
    @Option(help: "Threads.") var threads = 2
    @Option(help: "Untimed repetitions first.") var warmup = 1
    @Option(help: "Timed repetitions.") var repeats = 3
}

/// One measurement, as Benchmarks/speed reads it.
struct Measurement: Encodable {
    /// Wall-clock seconds of every timed repetition.
    let seconds: [Double]
    /// Loss of every step, the untimed ones too: shows that two programs did the same work.
    var losses: [Double] = []
    /// Tokens that went through the model in the last repetition.
    var tokens: Int?
    let peakRssBytes = Resources.peakResidentBytes
    let threads: Int
    let matrixKernels = ThreadTeam.multiplyKernelName
    let rowKernels = ThreadTeam.rowKernelLevel

    func write() throws {
        print(String(decoding: try JSONCoding.encode(self), as: UTF8.self))
    }
}

/// What the kernel accounts for this process.
enum Resources {
    static var peakResidentBytes: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss << 10
    }
}

/// Runs `body` untimed, then timed.
func seconds(_ repetitions: Repetitions, _ body: () throws -> Void) rethrows -> [Double] {
    for _ in 0..<repetitions.warmup { try body() }
    let clock = ContinuousClock()
    return try (0..<repetitions.repeats).map { _ in try clock.measure { try body() } / .seconds(1) }
}
