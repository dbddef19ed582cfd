import Alignment
import Compute
import Datasets
import DurableFiles
import Glibc
import JobModel
import Safetensors
import Tokenization
import Training
import Transformer

/// What an error means for the job: the exit code, and with it what the daemon does next.
struct Failure {
    let code: WorkerExitCode
    let detail: String

    /// - Parameter runDirectory: errors on files in it are the machine's; on all others the input's.
    init(_ error: any Error, runDirectory: String?) {
        detail = "\(error)"
        code = Self.code(error, runDirectory)
    }

    private static func code(_ error: any Error, _ runDirectory: String?) -> WorkerExitCode {
        switch error {
        case let error as TrainingError: code(error)
        case let error as FileError: code(error, runDirectory)
        case is StopSignal.Stopped: .checkpointed
        case is LockHeld: .lockHeld
        case is CheckpointError: .ioError
        case is ImportanceError: .diverged
        case is SpecErrors: .specError
        case is SafetensorsError, is ModelError, is DatasetError, is TokenizerError, is ReferenceScoreError: .dataError
        default: .internalError
        }
    }

    private static func code(_ error: TrainingError) -> WorkerExitCode {
        switch error {
        case .diverged: .diverged
        case .data: .dataError
        case .specification, .numericsDiffer, .nothingToTrain: .specError
        case .checkpointsFail: .ioError
        }
    }

    private static func code(_ error: FileError, _ runDirectory: String?) -> WorkerExitCode {
        if error.code == EIO || error.isOutOfSpace { return .ioError }
        if let runDirectory, error.path.hasPrefix(runDirectory) { return error.code == EACCES ? .permission : .ioError }
        return .dataError
    }
}
