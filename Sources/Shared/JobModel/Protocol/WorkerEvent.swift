/// What a worker writes to its standard output, one JSON object per line.
package enum WorkerEvent: Sendable, Hashable {
    /// First, before anything is opened.
    case hello(HelloEvent)
    /// The lock is held; from here the job runs.
    case ready(ReadyEvent)
    /// Another phase begins; limits for hangs are per phase.
    case phase(WorkerPhase)
    /// At most once a second; the latest wins.
    case progress(ProgressEvent)
    /// Every five seconds, from a thread of its own: the beat proves life, the step proves progress.
    case beat(BeatEvent)
    /// A checkpoint is published and durable.
    case checkpoint(CheckpointEvent)
    /// A checkpoint could not be written; training goes on.
    case checkpointFailed(errno: Int32)
    /// The result, as information: `result.json` is the truth.
    case result(ResultEvent)
    /// A type this build does not know.
    case unknown(type: String)
}

/// What a worker is doing.
package enum WorkerPhase: String, Sendable, Hashable, CaseIterable, Codable {
    case load
    case hash
    case tokenize
    case train
    case evaluate
    case checkpoint
    case export
}

/// Who the worker is.
package struct HelloEvent: Sendable, Hashable, Codable {
    /// Version of this protocol.
    package static let protocolVersion = 1

    /// Version of the protocol the worker speaks.
    package var v: Int
    /// Process number.
    package var pid: Int32
    /// Start time of the process in clock ticks since boot, from `/proc/self/stat`.
    package var startTicks: UInt64
    /// `/proc/sys/kernel/random/boot_id`.
    package var bootId: String
    /// Version of the program.
    package var build: String

    /// Who the worker is.
    package init(pid: Int32, startTicks: UInt64, bootId: String, build: String) {
        self.v = Self.protocolVersion
        self.pid = pid
        self.startTicks = startTicks
        self.bootId = bootId
        self.build = build
    }
}

/// What the worker got.
package struct ReadyEvent: Sendable, Hashable, Codable {
    /// Whether it holds `run.lock`; always true, the other case is exit 73.
    package var lock: Bool
    /// Logical processors it runs on.
    package var cpus: [Int]
    /// Control group it is in; nil without delegation.
    package var cgroup: String?
    /// Name of the matrix kernels that were chosen.
    package var blas: String
    /// Optimizer step of the checkpoint it resumes from; 0 from the beginning.
    package var resumeStep: Int64

    /// What the worker got.
    package init(cpus: [Int], cgroup: String? = nil, blas: String, resumeStep: Int64) {
        self.lock = true
        self.cpus = cpus
        self.cgroup = cgroup
        self.blas = blas
        self.resumeStep = resumeStep
    }
}

/// How far training is.
package struct ProgressEvent: Sendable, Hashable, Codable {
    /// Optimizer steps done.
    package var step: Int64
    /// Optimizer steps in all.
    package var total: Int64
    /// Loss of the newest step.
    package var loss: Double?
    /// Learning rate of the newest step.
    package var lr: Double?
    /// Tokens per second.
    package var tokS: Double?
    /// Seconds to the end, as estimated.
    package var etaS: Double?
    /// Resident bytes of the process.
    package var rss: Int64?
    /// Further metrics of the newest step or evaluation, by their names in metrics.jsonl.
    package var metrics: [String: Double]?

    /// How far training is.
    package init(
        step: Int64, total: Int64, loss: Double? = nil, lr: Double? = nil, tokS: Double? = nil, etaS: Double? = nil,
        rss: Int64? = nil, metrics: [String: Double]? = nil
    ) {
        self.step = step
        self.total = total
        self.loss = loss
        self.lr = lr
        self.tokS = tokS
        self.etaS = etaS
        self.rss = rss
        self.metrics = metrics
    }
}

/// A sign of life.
package struct BeatEvent: Sendable, Hashable, Codable {
    /// Monotonic clock, milliseconds.
    package var monoMs: Int64
    /// Optimizer steps done.
    package var step: Int64
    /// What it is doing.
    package var phase: WorkerPhase

    /// A sign of life.
    package init(monoMs: Int64, step: Int64, phase: WorkerPhase) {
        self.monoMs = monoMs
        self.step = step
        self.phase = phase
    }
}

/// A published checkpoint.
package struct CheckpointEvent: Sendable, Hashable, Codable {
    /// Its optimizer step.
    package var step: Int64
    /// Its directory, a plain name under `checkpoints/`.
    package var dir: String
    /// Lower-case hex digest of its manifest.
    package var manifestSha256: String
    /// Its size.
    package var bytes: Int64
    /// How long writing took.
    package var ms: Int64

    /// A published checkpoint.
    package init(step: Int64, dir: String, manifestSha256: String, bytes: Int64, ms: Int64) {
        self.step = step
        self.dir = dir
        self.manifestSha256 = manifestSha256
        self.bytes = bytes
        self.ms = ms
    }
}

/// How the attempt ended, as the worker sees it.
package struct ResultEvent: Sendable, Hashable, Codable {
    /// How it ended.
    package var outcome: AttemptOutcome
    /// One sentence for people.
    package var detail: String?
    /// Final metrics.
    package var metrics: [String: Double]
    /// What it used.
    package var usage: WorkerUsage?

    /// How the attempt ended.
    package init(
        outcome: AttemptOutcome, detail: String? = nil, metrics: [String: Double] = [:], usage: WorkerUsage? = nil
    ) {
        self.outcome = outcome
        self.detail = detail
        self.metrics = metrics
        self.usage = usage
    }
}

/// What a worker used, from `getrusage`.
package struct WorkerUsage: Sendable, Hashable, Codable {
    /// Processor time, milliseconds.
    package var cpuMs: Int64
    /// Largest resident size, bytes.
    package var maxRss: Int64

    /// What a worker used.
    package init(cpuMs: Int64, maxRss: Int64) {
        self.cpuMs = cpuMs
        self.maxRss = maxRss
    }
}

extension WorkerEvent: Codable {
    private struct PhaseFields: Codable { var name: WorkerPhase }
    private struct FailureFields: Codable { var errno: Int32 }

    package init(from decoder: any Decoder) throws {
        switch try MessageType(from: decoder).type {
        case "hello": self = .hello(try HelloEvent(from: decoder))
        case "ready": self = .ready(try ReadyEvent(from: decoder))
        case "phase": self = .phase(try PhaseFields(from: decoder).name)
        case "progress": self = .progress(try ProgressEvent(from: decoder))
        case "beat": self = .beat(try BeatEvent(from: decoder))
        case "checkpoint": self = .checkpoint(try CheckpointEvent(from: decoder))
        case "checkpoint_failed": self = .checkpointFailed(errno: try FailureFields(from: decoder).errno)
        case "result": self = .result(try ResultEvent(from: decoder))
        case let other: self = .unknown(type: other)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .hello(let fields): try fields.encode(to: encoder, type: "hello")
        case .ready(let fields): try fields.encode(to: encoder, type: "ready")
        case .phase(let name): try PhaseFields(name: name).encode(to: encoder, type: "phase")
        case .progress(let fields): try fields.encode(to: encoder, type: "progress")
        case .beat(let fields): try fields.encode(to: encoder, type: "beat")
        case .checkpoint(let fields): try fields.encode(to: encoder, type: "checkpoint")
        case .checkpointFailed(let errno):
            try FailureFields(errno: errno).encode(to: encoder, type: "checkpoint_failed")
        case .result(let fields): try fields.encode(to: encoder, type: "result")
        case .unknown(let type): try MessageType(type: type).encode(to: encoder)
        }
    }
}
