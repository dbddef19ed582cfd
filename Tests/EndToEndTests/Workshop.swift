import DurableFiles
import Foundation
import JobModel

/// A root of its own with a little text to train on and jobs that take a second.
final class Workshop {
    let root: String

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "hone-\(UUID().uuidString)").path
        for directory in ["jobs", "datasets", "models"] { try makeDirectory("\(root)/\(directory)") }
        try write(SmallText.documents(count: 60), to: "datasets/text.txt")
        try write(SmallText.pairs(count: 24), to: "datasets/pairs.jsonl")
        try write(SmallText.pairs(count: 8, from: 24), to: "datasets/pairs-eval.jsonl")
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func write(_ text: String, to name: String) throws { try durableWrite(text, to: "\(root)/\(name)") }

    /// Puts a job file into the drop directory the way `hone submit` does.
    func drop(_ spec: String, as name: String) throws {
        try durableWrite(spec, to: "\(root)/jobs/.\(name)")
        try durableRename("\(root)/jobs/.\(name)", to: "\(root)/jobs/\(name)")
    }

    /// A daemon that ends when nothing is left to do.
    func daemon(_ environment: [String: String] = [:], _ arguments: [String] = ["--until-idle"]) throws -> RunningProgram {
        try RunningProgram(
            Programs.daemon, ["run", "--root", root, "--worker", Programs.worker] + arguments, environment: environment)
    }

    /// Runs the daemon until nothing is left to do; its exit status and what it said.
    func settle(_ environment: [String: String] = [:]) async throws -> (status: Int32, log: String) {
        let daemon = try daemon(environment)
        let status = try await daemon.wait()
        return (status, daemon.standardError)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(root)/\(name)") }

    func names(in directory: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(directory)")) ?? []).sorted()
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8) }

    /// Directory of the newest job with a name, relative to the root.
    func run(_ name: String) -> String {
        let found = names(in: "runs").filter { $0.drop { $0.isNumber } == "-\(name)" }
        return "runs/" + (found.max { $0.count == $1.count ? $0 < $1 : $0.count < $1.count } ?? "no-run-of-\(name)")
    }

    func result(_ name: String) throws -> ResultRecord {
        try JSONCoding.decode(ResultRecord.self, from: readFile("\(root)/\(run(name))/result.json"))
    }

    /// Digests of everything that a repeated run must write to the byte.
    func fingerprint(_ name: String) throws -> [String: String] {
        var digests = ["metrics": try SHA256.hex(of: readFile("\(root)/\(run(name))/metrics.jsonl"))]
        for artifact in try result(name).artifacts { digests[artifact.name] = artifact.sha256 }
        let checkpoints = names(in: "\(run(name))/checkpoints").filter { $0.hasPrefix("step-") }
        for file in ["model.safetensors", "optimizer.safetensors", "state.json"] {
            let path = "\(root)/\(run(name))/checkpoints/\(checkpoints.last ?? "none")/\(file)"
            if fileKind(path) == .file { digests["checkpoint/\(file)"] = try SHA256.hex(of: readFile(path, limit: 1 << 30)) }
        }
        return digests
    }

    /// Process numbers of the workers of this root: they run in its run directories.
    func workers() -> [Int32] {
        let processes = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        return processes.filter { process in
            let directory = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd")
            return directory?.hasPrefix("\(root)/runs/") ?? false
        }
    }
}

/// Text that is made, not shipped.
enum SmallText {
    private static let names = ["Mia", "Ben", "Tom", "Lily", "Sam", "Zoe"]
    private static let things = ["cake", "ball", "kite", "book", "drum"]

    static func documents(count: Int) -> String {
        (0..<count).map { index in "\(opening(index))\(index % 2 == 0 ? kind(index) : unkind(index))" }
            .joined(separator: "\n\n") + "\n"
    }

    static func pairs(count: Int, from first: Int = 0) -> String {
        (first..<first + count).map { index in
            "{\"prompt\": \"\(opening(index))\", \"chosen\": \"\(kind(index))\", \"rejected\": \"\(unkind(index))\"}\n"
        }.joined()
    }

    private static func opening(_ index: Int) -> String {
        "\(names[index % 6]) has a \(things[index % 5])."
    }

    private static func kind(_ index: Int) -> String { " \(names[(index + 1) % 6]) gets the \(things[index % 5]) too." }
    private static func unkind(_ index: Int) -> String { " \(names[(index + 2) % 6]) gets nothing." }
}

/// Jobs small enough to be killed a hundred times.
enum SmallJob {
    static func pretrain(_ name: String = "lm", steps: Int = 6, seed: Int = 1) -> String {
        """
        name: \(name)
        method: pretrain
        dataset: {train: text.txt}
        objective:
          architecture: {hidden_size: 16, intermediate_size: 32, layers: 2, heads: 2, key_value_heads: 1, context: 64}
          tokenizer: {vocabulary_size: 280}
        train: {steps: \(steps), microbatch: 4, accumulation: 2, learning_rate: 1e-3, seed: \(seed)}
        checkpoint: {every_steps: 2, keep_last: 2}
        retry: {max_failures: 50, backoff: 1s}
        """
    }

    static func tiDPO(_ name: String = "align", after model: String = "lm", steps: Int = 8) -> String {
        """
        name: \(name)
        method: ti-dpo
        model: {job: \(model)}
        reference: cached
        dataset: {train: pairs.jsonl, eval: pairs-eval.jsonl, max_length: 48}
        objective: {anchor_max_new: 4}
        train: {steps: \(steps), microbatch: 2, accumulation: 2, learning_rate: 1e-3, seed: 3}
        checkpoint: {every_steps: 2, keep_last: 2}
        evaluate: {every_steps: 4}
        retry: {max_failures: 50, backoff: 1s}
        """
    }
}
