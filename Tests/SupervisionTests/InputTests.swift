import Glibc
import JobModel
import TestFolders
import Testing

@testable import Supervision

@Suite("Inputs")
struct InputTests {
    private let place: TestFolder
    private var root: Root { .under(place.path) }

    init() throws {
        place = try TestFolder()
        try Root.under(place.path).prepare()
        try place.make("models/base/nested")
        try place.write("{}", to: "models/base/config.json")
        try place.write("weights", to: "models/base/model.safetensors")
        try place.write("x", to: "models/base/.hidden")
        try place.write("rows\n", to: "datasets/train.jsonl")
        try place.write("secret", to: "secret")
    }

    private var roots: InputRoots { Configuration().inputRoots(root) }

    @Test func aModelIsPinnedFileByFile() throws {
        let located = try roots.locate("base", for: .model)
        #expect(located.path == "\(root.models)/base")
        #expect(
            located.pins.map(\.path) == ["\(root.models)/base/config.json", "\(root.models)/base/model.safetensors"])
        #expect(located.pins.map(\.size) == [2, 7])
        #expect(located.pins.allSatisfy { $0.role == .model && $0.sha256 == nil })
    }

    @Test func rowsAreLookedUpAmongDatasetsOnly() throws {
        #expect(try roots.locate("train.jsonl", for: .trainingData).pins.count == 1)
        #expect(throws: InputRoots.Refusal.self) { try roots.locate("train.jsonl", for: .model) }
    }

    @Test func aMissingInputNamesTheRoots() {
        #expect {
            try roots.locate("other", for: .model)
        } throws: { error in
            "\(error)" == "model: nothing named other under \(root.models)"
        }
    }

    @Test(arguments: [
        "../secret", "base/../../secret", "/etc/passwd", "link", "linked/config.json", "base/./../../secret", "pipe",
        String(repeating: "x", count: 4096),
    ]) func nothingOutsideIsReached(_ name: String) throws {
        symlink("\(place.path)/secret", "\(root.models)/link")
        symlink("\(root.models)/base", "\(root.models)/linked")
        mkfifo("\(root.models)/pipe", 0o600)
        #expect(throws: InputRoots.Refusal.self) { try roots.locate(name, for: .model) }
    }

    @Test func aDigestIsThatOfTheFileThatWasPinned() async throws {
        let hasher = InputHasher()
        let pin = try #require(try roots.locate("train.jsonl", for: .trainingData).pins.first)
        let digest = try await hasher.digest(pin)
        #expect(digest == "9b71c268cf258d56d93a8182fce8a2ed6a7d18768a88959e17537d913702d63f")
        #expect(try await hasher.digest(pin) == digest)
        try place.write("other rows\n", to: "datasets/train.jsonl")
        await #expect(throws: (any Error).self) { try await hasher.digest(pin) }
    }

    /// Another content of the same length and with the old time of change put back.
    @Test func aDigestIsNotReusedForAFileThatWasWritten() async throws {
        let hasher = InputHasher()
        let pin = try #require(try roots.locate("train.jsonl", for: .trainingData).pins.first)
        let digest = try await hasher.digest(pin)
        #expect(hasher.known(pin) == digest)
        var before = stat()
        #expect(stat(pin.path, &before) == 0)
        try place.write(String(repeating: "x", count: Int(before.st_size)), to: "datasets/train.jsonl")
        #expect(utimensat(AT_FDCWD, pin.path, [before.st_atim, before.st_mtim], 0) == 0)
        #expect(hasher.known(pin) == nil)
        #expect(try await hasher.digest(pin) != digest)
    }

    @Test func rulesReportEverythingAtOnce() throws {
        var configuration = Configuration()
        configuration.timeLimit = Milliseconds(seconds: 3600)
        let rules = AdmissionRules(configuration, root: root, machine: Machine(cores: [0, 1], memory: 1 << 30))
        var spec = JobSpec(name: "a", method: .dpo)
        spec.queue = "night"
        spec.resources.cpus = 3
        spec.resources.memory = .bytes(2 << 30)
        spec.model = .path("base", sha256: nil)
        spec.dataset.train = [.path("absent.jsonl", sha256: nil)]
        #expect {
            try rules.inputs(of: spec, from: 0, named: DropName("a.yaml"))
        } throws: { error in
            (error as? Rejection)?.lines == [
                "a.yaml: error: queue: no queue named night; there are default",
                "a.yaml: error: resources.cpus: 3 cores asked for, this machine lends 2",
                "a.yaml: error: resources.memory: 2.0 GiB needed, this machine lends 1.0 GiB",
                "a.yaml: error: resources.time_limit: 7d, expected at most 1h",
                "a.yaml: error: dataset.train: nothing named absent.jsonl under \(root.datasets)",
            ]
        }
    }

    @Test func everyFileOfAListIsLookedUpAndKeepsItsPlace() throws {
        try place.make("datasets/more")
        try place.write("{}\n", to: "datasets/more/train.jsonl")
        let rules = AdmissionRules(
            Configuration(), root: root, machine: Machine(cores: [0, 1], memory: 1 << 40))
        var spec = JobSpec(name: "a", method: .dpo)
        spec.resources.cpus = 1
        spec.model = .path("base", sha256: nil)
        spec.dataset.train = ["train.jsonl", "more", "more/train.jsonl"].map { .path($0, sha256: nil) }
        let inputs = try rules.inputs(of: spec, from: 0, named: DropName("a.yaml"))
        let expected: [InputRole: String] = [
            .model: "\(root.models)/base", .trainingPart(0): "\(root.datasets)/train.jsonl",
            .trainingPart(1): "\(root.datasets)/more", .trainingPart(2): "\(root.datasets)/more/train.jsonl",
        ]
        #expect(inputs.paths == expected)
        #expect(InputPaths.located(spec, pins: inputs.pins) == expected)
        #expect(
            spec.locatingInputs(expected).dataset.train
                == [0, 1, 2].map { .path(expected[.trainingPart($0)] ?? "", sha256: nil) })

        spec.dataset.train = ["absent.jsonl", "train.jsonl", "../secret"].map { .path($0, sha256: nil) }
        #expect {
            try rules.inputs(of: spec, from: 0, named: DropName("a.yaml"))
        } throws: { error in
            (error as? Rejection)?.lines == [
                "a.yaml: error: dataset.train[0]: nothing named absent.jsonl under \(root.datasets)",
                "a.yaml: error: dataset.train[2]: expected a name below \(root.datasets), found ../secret",
            ]
        }
    }

    @Test func onlyNamedUsersMaySubmit() throws {
        var configuration = Configuration()
        configuration.allowUsers = ["root", "4711"]
        let rules = AdmissionRules(configuration, root: root, machine: Machine(cores: [0], memory: 1 << 30))
        let spec = JobSpec(name: "a", method: .pretrain)
        for owner: UInt32 in [0, 4711] {
            #expect(throws: Never.self) { try rules.inputs(of: spec, from: owner, named: DropName("a")) }
        }
        #expect(throws: Rejection.self) { try rules.inputs(of: spec, from: 4712, named: DropName("a")) }
    }
}
