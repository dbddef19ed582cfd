import Datasets
import DurableFiles
import JobModel
import Synchronization
import TestFolders
import Testing
import Training

/// Keeps what the log would have.
private final class Log: TrainingObserver {
    private let notes = Mutex<[String]>([])

    var text: String { notes.withLock { $0.joined(separator: "\n") } }

    func began(_ phase: WorkerPhase) {}
    func progressed(_ progress: ProgressEvent) {}
    func saved(_ checkpoint: CheckpointEvent) {}
    func failedToSave(errno: Int32) {}
    func noted(_ text: String) { notes.withLock { $0.append(text) } }
}

/// Whole jobs on lists of messages.
@Suite struct ConversationJobTests {
    private static let template =
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}\n{% endfor %}"
        + "{% if add_generation_prompt %}[assistant] {% endif %}"

    private let bench: JobBench
    private let model: String
    private let templateFile: String
    private let conversations: String
    private let pairs: String

    init() throws {
        bench = try JobBench()
        model = try bench.pretrained().folder
        templateFile = bench.scratch.path + "/chat.jinja"
        conversations = bench.scratch.path + "/conversations.jsonl"
        pairs = bench.scratch.path + "/conversation-pairs.jsonl"
        try durableWrite(Self.template, to: templateFile)
        func message(_ role: String, _ text: String) -> String { "{\"role\":\"\(role)\",\"content\":\"\(text)\"}" }
        let birds = ["red", "blue", "grey"]
        let turns = birds.map { bird in
            [message("system", "cats"), message("user", "a \(bird) bird"), message("assistant", "the cat saw it"),
                message("user", "and"), message("assistant", "sat on a mat")]
        }
        try durableWrite(
            turns.map { "{\"messages\":[\($0.joined(separator: ","))]}\n" }.joined(), to: conversations)
        try durableWrite(
            turns.map { turns in
                "{\"prompt\":[\(turns[1])],\"chosen\":[\(turns[2])],\"rejected\":[\(message("assistant", "no"))]}\n"
            }.joined(), to: pairs)
    }

    private func spec(_ method: JobModel.Method) -> JobSpec {
        var spec = bench.preferenceSpec(method)
        if method == .sft { spec.reference = .none }
        return spec
    }

    @Test func messagesNeedATemplate() throws {
        for (method, data) in [(JobModel.Method.sft, conversations), (.dpo, pairs)] {
            let error = #expect(throws: DatasetError.self) {
                try bench.run(spec(method), inputs: [.model: model, .trainingData: data], name: method.rawValue)
            }
            #expect(error?.file == data && error?.line == 1)
            #expect(error?.advice?.contains("dataset.chat_template") == true)
        }
    }

    /// The template of one job is the template of the model that it publishes.
    @Test func jobsWithATemplateOfTheirOwn() throws {
        let log = Log()
        let inputs: [InputRole: String] = [
            .model: model, .trainingData: conversations, .evaluationData: conversations, .chatTemplate: templateFile,
        ]
        let first = try bench.run(spec(.sft), inputs: inputs, name: "sft", observer: log)
        #expect(log.text.contains("dataset.train: examples kept: 3; lengths mean"))
        #expect(log.text.contains("dataset.train: the first example:\nno loss, "))
        #expect(log.text.contains("tokens:\n the cat saw it<|endoftext|>\n\nno loss, "), "\(log.text)")
        let (before, after) = (first.initialMetrics["eval_loss"], first.metrics["eval_loss"])
        #expect(try #require(after) < (try #require(before)))
        let published = bench.scratch.path + "/sft/artifacts"
        #expect(try readFile(published + "/chat_template.jinja") == Array(Self.template.utf8))

        let second = try bench.run(spec(.dpo), inputs: [.model: published, .trainingData: pairs], name: "dpo")
        #expect(second.outcome == .success)
        #expect(second.artifacts.contains { $0.name == "chat_template.jinja" })
    }

    @Test func templatesThatAreNone() throws {
        try durableWrite("line\n{% if %}", to: templateFile)
        let inputs: [InputRole: String] = [
            .model: model, .trainingData: conversations, .chatTemplate: templateFile,
        ]
        let error = #expect(throws: DatasetError.self) { try bench.run(spec(.sft), inputs: inputs, name: "broken") }
        #expect(error?.file == templateFile && error?.line == 2)
    }

    @Test func longRowsCanBeRefused() throws {
        var spec = spec(.sft)
        spec.dataset.truncation = .fail
        spec.dataset.maxLength = 12
        let inputs: [InputRole: String] = [
            .model: model, .trainingData: conversations, .chatTemplate: templateFile,
        ]
        let error = #expect(throws: DatasetError.self) { try bench.run(spec, inputs: inputs, name: "long") }
        #expect(error?.line == 1 && error?.expected == "at most 12")
    }
}
