/// What the daemon writes to a worker's standard input, one JSON object per line.
package enum WorkerCommand: Sendable, Hashable {
    /// Begin; always the first.
    case start(StartCommand)
    /// Write a checkpoint at the next optimizer step and go on.
    case checkpoint(reason: String)
    /// Stop.
    case stop(StopCommand)
    /// A type this build does not know.
    case unknown(type: String)
}

/// Everything a worker needs to begin.
package struct StartCommand: Sendable, Hashable, Codable {
    /// Job number; 0 for `hone run`.
    package var job: Int64
    /// Attempt number, from 1. Equal to the fence.
    package var attempt: Int64
    /// What every write of this attempt carries; a worker that meets a higher one in `run.lock` ends with 73.
    package var fence: Int64
    /// Absolute path of the run directory.
    package var runDir: String
    /// Name of the resolved specification inside the run directory.
    package var spec: String
    /// Lower-case hex digest of that file.
    package var specSha256: String
    /// Absolute path of every input, by the raw value of its `InputRole`; the parts of a list one by one.
    package var inputs: [String: String]
    /// Identity of every input file, as it was at admission; empty for `hone run`.
    package var pins: [InputPin]
    /// Logical processors to run on; empty leaves the affinity alone.
    package var cpus: [Int]
    /// Threads of the engine.
    package var threads: Int
    /// Bytes of memory reserved; 0 means no bound.
    package var memory: Int64
    /// Which checkpoint to resume from; `auto` is the newest valid one.
    package var resume: String
    /// Running time that is left; nil means no bound.
    package var deadlineMs: Int64?

    /// A command to begin.
    package init(
        job: Int64, fence: Int64, runDir: String, spec: String = "spec.json", specSha256: String,
        inputs: [String: String], pins: [InputPin] = [], cpus: [Int] = [], threads: Int, memory: Int64 = 0,
        resume: String = "auto", deadlineMs: Int64? = nil
    ) {
        self.job = job
        self.attempt = fence
        self.fence = fence
        self.runDir = runDir
        self.spec = spec
        self.specSha256 = specSha256
        self.inputs = inputs
        self.pins = pins
        self.cpus = cpus
        self.threads = threads
        self.memory = memory
        self.resume = resume
        self.deadlineMs = deadlineMs
    }
}

/// How to stop.
package struct StopCommand: Sendable, Hashable, Codable {
    /// With or without a checkpoint.
    package enum Mode: String, Sendable, Hashable, Codable {
        /// Write a checkpoint at the last optimizer step, then leave with 75.
        case checkpoint
        /// Leave at once.
        case now
    }

    /// With or without a checkpoint.
    package var mode: Mode
    /// Time allowed before harder means follow; nil means no bound.
    package var deadlineMs: Int64?

    /// How to stop.
    package init(mode: Mode, deadlineMs: Int64? = nil) {
        self.mode = mode
        self.deadlineMs = deadlineMs
    }
}

extension WorkerCommand: Codable {
    private struct CheckpointFields: Codable { var reason: String }

    package init(from decoder: any Decoder) throws {
        switch try MessageType(from: decoder).type {
        case "start": self = .start(try StartCommand(from: decoder))
        case "checkpoint": self = .checkpoint(reason: try CheckpointFields(from: decoder).reason)
        case "stop": self = .stop(try StopCommand(from: decoder))
        case let other: self = .unknown(type: other)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .start(let fields): try fields.encode(to: encoder, type: "start")
        case .checkpoint(let reason): try CheckpointFields(reason: reason).encode(to: encoder, type: "checkpoint")
        case .stop(let fields): try fields.encode(to: encoder, type: "stop")
        case .unknown(let type): try MessageType(type: type).encode(to: encoder)
        }
    }
}
